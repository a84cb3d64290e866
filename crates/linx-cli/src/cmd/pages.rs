//! `linx completions` and `linx man`, made from the table of options, and `linx schema`.

use clap::CommandFactory;

use crate::args::{Cli, Completions, Man};
use crate::error::{Failure, Outcome, quoted};
use crate::out::Output;
use crate::suggest;

/// Prints the JSON Schema of every line.
pub(crate) fn schema() -> Outcome {
    let mut output = Output::stdout()?;
    output.buffer().extend_from_slice(linx::json::schema::text().as_bytes());
    output.finish()
}

/// Prints completions for a shell.
pub(crate) fn completions(args: &Completions) -> Outcome {
    let mut output = Output::stdout()?;
    clap_complete::generate(args.shell, &mut Cli::command(), "linx", output.buffer());
    output.finish()
}

/// Prints the manual page of linx or of one of its commands.
pub(crate) fn man(args: &Man) -> Outcome {
    let mut whole = Cli::command();
    whole.build();
    let command = match &args.command {
        None => whole,
        Some(name) => page_of(&whole, name)?,
    };
    let mut output = Output::stdout()?;
    clap_mangen::Man::new(command)
        .render(output.buffer())
        .map_err(|error| Failure::system(error.to_string()))?;
    output.finish()
}

fn page_of(whole: &clap::Command, name: &str) -> Outcome<clap::Command> {
    let found = whole
        .get_subcommands()
        .find(|command| command.get_name() == name || command.get_all_aliases().any(|alias| alias == name));
    let Some(found) = found else {
        let failure = Failure::usage(format!("no command {}", quoted(name)));
        let names = whole.get_subcommands().map(clap::Command::get_name);
        return Err(match suggest::nearest(name, names) {
            Some(near) => failure.remedy(format!("did you mean \"{near}\"?")),
            None => failure.remedy("`linx --help` lists them"),
        });
    };
    Ok(found.clone())
}
