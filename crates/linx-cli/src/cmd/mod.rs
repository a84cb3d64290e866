//! The commands, one a file.

mod follow;
mod list;
mod monitor;
mod netns;
mod pages;
mod route_get;
mod state;
mod watch;

use crate::args::{Command, Global};
use crate::error::Outcome;

/// Runs a command.
pub(crate) fn run(command: &Command, global: &Global) -> Outcome {
    let outcome = match command {
        Command::Schema(_) => pages::schema(),
        Command::Completions(args) => pages::completions(args),
        Command::Man(args) => pages::man(args),
        Command::List(args) => list::run(args, global),
        Command::Monitor(args) => monitor::run(args, global),
        Command::Watch(args) => watch::run(args, global),
        Command::Netns(_) => netns::run(global),
    };
    outcome.map_err(|failure| failure.of(command.name()))
}
