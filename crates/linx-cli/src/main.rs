//! The command `linx`: what changed in this host's network, and who did it.
//!
//! Nothing here changes a network: there is no write path. Data goes to standard output, all else to standard
//! error; exit statuses are in [`error::status`].
#![forbid(unsafe_code)]

mod args;
mod argv;
mod cmd;
mod error;
mod filter;
mod names;
mod object;
mod out;
mod peers;
mod place;
mod privileges;
mod signals;
mod suggest;
mod units;
mod usage;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let cli = match args::Cli::try_parse_from(argv::rewrite(std::env::args_os())) {
        Ok(cli) => cli,
        Err(error) => return usage::report(&error),
    };
    let global = cli.global.merged(cli.command.global());
    match cmd::run(&cli.command, &global) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            if let Some(text) = failure.text() {
                error::note(text.strip_prefix("linx: ").unwrap_or(&text));
            }
            failure.into()
        }
    }
}
