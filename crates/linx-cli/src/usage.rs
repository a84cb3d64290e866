//! What clap says of a command line, in this command's words.

use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue, ErrorKind};

use crate::error::{Failure, note, status};
use crate::object::Object;

/// Prints help, version or error; the exit status.
pub(crate) fn report(error: &clap::Error) -> ExitCode {
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            // A reader that closed its end is not told that it did.
            let _ = error.print();
            ExitCode::SUCCESS
        }
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand | ErrorKind::MissingSubcommand => {
            let _ = error.print();
            ExitCode::from(status::USAGE)
        }
        _ => {
            let failure = failure(error);
            if let Some(text) = failure.text() {
                note(text.strip_prefix("linx: ").unwrap_or(&text));
            }
            failure.into()
        }
    }
}

fn failure(error: &clap::Error) -> Failure {
    let context = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.clone()),
        Some(ContextValue::Strings(all)) => Some(all.join(", ")),
        _ => None,
    };
    let quoted = |text: Option<String>| crate::error::quoted(text.unwrap_or_default());
    let wrong = match error.kind() {
        ErrorKind::InvalidSubcommand => {
            let word = context(ContextKind::InvalidSubcommand).unwrap_or_default();
            let failure = Failure::usage(format!("no command {}", crate::error::quoted(&word)));
            return match (context(ContextKind::SuggestedSubcommand), Object::parse(&word)) {
                (_, Some(object)) if word.len() > 1 || word == "l" => {
                    failure.remedy(format!("did you mean \"linx list {}\"?", object.word()))
                }
                (Some(near), _) => {
                    let near = near.split(", ").next().unwrap_or_default().to_owned();
                    failure.remedy(format!("did you mean \"{near}\"?"))
                }
                _ => match Object::nearest(&word) {
                    Some(near) => failure.remedy(format!("did you mean \"linx list {near}\"?")),
                    None => failure.remedy("`linx --help` lists them"),
                },
            };
        }
        ErrorKind::UnknownArgument => {
            let failure = Failure::usage(format!("no option {}", quoted(context(ContextKind::InvalidArg))));
            return match context(ContextKind::SuggestedArg) {
                Some(near) => failure.remedy(format!("did you mean \"{near}\"?")),
                None => failure.remedy("`linx --help` lists them"),
            };
        }
        ErrorKind::InvalidValue | ErrorKind::ValueValidation => {
            let option = context(ContextKind::InvalidArg).unwrap_or_default();
            let value = context(ContextKind::InvalidValue).unwrap_or_default();
            if value.is_empty() {
                format!("{option} wants a value")
            } else {
                format!("{} is no value for {option}", crate::error::quoted(value))
            }
        }
        ErrorKind::MissingRequiredArgument => {
            format!("wanted: {}", context(ContextKind::InvalidArg).unwrap_or_default())
        }
        ErrorKind::ArgumentConflict => {
            format!(
                "{} cannot be used twice, or not with {}",
                context(ContextKind::InvalidArg).unwrap_or_default(),
                context(ContextKind::PriorArg).unwrap_or_default()
            )
        }
        ErrorKind::NoEquals => {
            format!("{} wants its value behind \"=\"", context(ContextKind::InvalidArg).unwrap_or_default())
        }
        ErrorKind::InvalidUtf8 => "an argument is not UTF-8".to_owned(),
        _ => {
            let text = error.to_string();
            let line = text.lines().next().unwrap_or_default();
            line.strip_prefix("error: ").unwrap_or(line).to_owned()
        }
    };
    let failure = Failure::usage(wrong);
    match context(ContextKind::ValidValue).filter(|values| !values.is_empty()) {
        Some(values) => failure.remedy(format!("one of {values}")),
        None => failure.remedy("`linx --help` tells more"),
    }
}
