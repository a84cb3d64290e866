//! The chores of this workspace: `cargo xtask VERB`. What CI runs is `cargo xtask ci`.
//!
//! Nothing here depends on a crate, so that the first thing a fresh machine builds takes a second
//! and needs no registry.
#![allow(clippy::print_stdout, clippy::print_stderr)] // a program whose output is its purpose

mod bench;
mod ci;
mod counts;
mod deps;
mod fuzz;
mod house;
mod readme;
mod run;
mod setup;
mod test;
mod tools;

use std::path::PathBuf;
use std::process::ExitCode;

const USAGE: &str = "\
cargo xtask VERB

  ci [STEP…]                      every check, or those named; goes on after a failure
  ci --list                       the names of the steps
  setup                           install what the tests need (root), or say what is missing
  test [ARG…]                     setup, then every test; ARGs go to `cargo nextest run`
  fuzz [--seconds N] [--max-len BYTES] [--keep] [TARGET…]
                                  run the fuzz targets, N seconds each (3); --keep makes fuzz/seeds anew from what was found
  bench [NAME…] [--short] [--no-peers] [--rounds N] [--json FILE]
                                  Linx beside the physical limit and the peers, or NAME of it (root; FILE from the
                                  root folder); `bench help` lists the names
  bench --instructions            what the decoders take, as valgrind counts it
  bench report FILE [FILE]        the report of a run that was kept; of two, and what of them agrees
  deps                            count what linx-net brings along without features
  house                           look for what the compiler does not: dead links, left-over notes, long files
  readme                          run README's first command for two seconds
  advisories                      ask the RustSec database (needs the network)
";

/// What a chore came to.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Verdict {
    Passed,
    /// Not done, for a reason outside the project.
    Skipped(String),
    Failed(String),
}

impl Verdict {
    fn failed(&self) -> bool {
        matches!(self, Self::Failed(_))
    }
}

fn main() -> ExitCode {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..");
    if let Err(error) = std::env::set_current_dir(&root) {
        eprintln!("xtask: {}: {error}", root.display());
        return ExitCode::FAILURE;
    }
    let mut args = std::env::args().skip(1);
    let verb = args.next().unwrap_or_default();
    let rest: Vec<String> = args.collect();
    let mode = run::Mode::Inherit;
    let verdict = match verb.as_str() {
        "ci" => return ci::run(&rest),
        "setup" => setup::run(mode),
        "test" => test::run(mode, &rest),
        "fuzz" => fuzz::run(mode, &rest),
        "bench" => bench::run(mode, &rest),
        "deps" => deps::run(),
        "house" => house::run(),
        "readme" => readme::run(mode),
        "advisories" => tools::advisories(mode),
        "" | "help" | "-h" | "--help" => {
            print!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        other => {
            eprint!("xtask: no verb \"{other}\"\n\n{USAGE}");
            return ExitCode::from(1);
        }
    };
    match verdict {
        Verdict::Passed => ExitCode::SUCCESS,
        Verdict::Skipped(why) => {
            eprintln!("xtask: SKIPPED {verb}: {why}");
            ExitCode::SUCCESS
        }
        Verdict::Failed(why) => {
            eprintln!("xtask: {verb}: {why}");
            ExitCode::FAILURE
        }
    }
}
