//! How a run ends: the exit status, and the line on standard error that says what was asked, where, the
//! kernel's words and what to do.

use std::process::ExitCode;

use crate::suggest;

/// Exit statuses other than 0.
pub(crate) mod status {
    /// The command line cannot be understood.
    pub(crate) const USAGE: u8 = 1;
    /// The kernel refused, or reading or writing failed.
    pub(crate) const SYSTEM: u8 = 2;
    /// `--for` ran out.
    pub(crate) const TIME_OUT: u8 = 4;
}

/// An end that is not success. Its text has no control bytes: what came from the kernel or the user was escaped.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    status: u8,
    /// What was being done (`list route`), in front of the message.
    operation: String,
    message: String,
    remedy: Option<String>,
    /// The namespace that it was about does not exist any more.
    is_gone: bool,
}

/// What a command returns.
pub(crate) type Outcome<T = ()> = Result<T, Failure>;

impl Failure {
    /// The command line cannot be understood (exit 1).
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self {
            status: status::USAGE,
            operation: String::new(),
            message: message.into(),
            remedy: None,
            is_gone: false,
        }
    }

    /// The kernel, a file or the output refused (exit 2).
    pub(crate) fn system(message: impl Into<String>) -> Self {
        Self { status: status::SYSTEM, ..Self::usage(message) }
    }

    /// `--for` ran out (exit 4): not an error, so nothing is printed.
    pub(crate) fn time_out() -> Self {
        Self { status: status::TIME_OUT, ..Self::usage(String::new()) }
    }

    /// The same, of this operation; an operation that is known already stays.
    pub(crate) fn of(mut self, operation: &str) -> Self {
        if self.operation.is_empty() {
            operation.clone_into(&mut self.operation);
        }
        self
    }

    /// The same, with what to do about it.
    pub(crate) fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = Some(remedy.into());
        self
    }

    /// The same, with the way to the capability that is missing.
    fn privilege(self, capability: Option<linx::Capability>) -> Self {
        let Some(capability) = capability else { return self.remedy("use sudo") };
        let word = capability.to_string().to_lowercase();
        let program = Self::program();
        // Not a part of the sentence before it: it is what to type.
        let message = format!("{}: use sudo, or once: sudo setcap {word}+ep {program}", self.message);
        Self { message, ..self }
    }

    /// The path of this program, for `setcap`.
    pub(crate) fn program() -> String {
        std::env::current_exe().map_or_else(
            |_| "/usr/bin/linx".to_owned(),
            |path| linx_wire::name::Name::new(path.as_os_str().as_encoded_bytes()).to_string(),
        )
    }

    /// The same, asking whether the nearest of `known` was meant.
    pub(crate) fn suggest<S: AsRef<str>>(self, word: &str, known: impl IntoIterator<Item = S>) -> Self {
        match suggest::nearest(word, known) {
            Some(near) => self.remedy(format!("did you mean \"{near}\"?")),
            None => self,
        }
    }

    /// What goes to standard error, if anything does.
    pub(crate) fn text(&self) -> Option<String> {
        if self.message.is_empty() {
            return None;
        }
        let mut text = String::from("linx: ");
        if !self.operation.is_empty() {
            text += &self.operation;
            text += ": ";
        }
        text += &self.message;
        if let Some(remedy) = &self.remedy {
            text += "; ";
            text += remedy;
        }
        Some(text)
    }

    /// Whether it is that a namespace does not exist any more.
    pub(crate) fn is_gone(&self) -> bool {
        self.is_gone
    }

    /// The exit status.
    pub(crate) fn status(&self) -> u8 {
        self.status
    }
}

impl From<Failure> for ExitCode {
    fn from(failure: Failure) -> Self {
        Self::from(failure.status())
    }
}

impl From<linx::Error> for Failure {
    fn from(error: linx::Error) -> Self {
        use linx::ErrorKind;
        let whole = error.to_string();
        // The command's own words for what it does are nearer to what was typed.
        let message = whole.strip_prefix(&format!("{}: ", error.operation)).unwrap_or(&whole);
        let failure = Self::system(message);
        match error.kind {
            ErrorKind::Permission { capability } => failure.privilege(capability),
            ErrorKind::NamespaceGone => {
                Self { is_gone: true, ..failure.remedy("`linx netns` lists what there is") }
            }
            _ if is_full(error.errno()) => failure.remedy(MORE_FILES),
            _ => failure,
        }
    }
}

impl From<linx_sys::Error> for Failure {
    fn from(error: linx_sys::Error) -> Self {
        let failure = Self::system(error.to_string());
        match error.kind() {
            linx_sys::ErrorKind::Permission => failure.privilege(error.capability()),
            linx_sys::ErrorKind::NoNamespace => failure.remedy("`linx netns` lists what there is"),
            _ if is_full(error.raw_os_error()) => failure.remedy(MORE_FILES),
            _ => failure,
        }
    }
}

impl Failure {
    /// An error of the standard library while doing something.
    pub(crate) fn io(doing: &str, error: &std::io::Error) -> Self {
        // The kernel's words, without the number that the standard library adds.
        let words = error.raw_os_error().map_or_else(|| error.to_string(), linx_sys::errno_text);
        let failure = Self::system(format!("{doing}: {words}"));
        if is_full(error.raw_os_error()) { failure.remedy(MORE_FILES) } else { failure }
    }
}

const MORE_FILES: &str = "raise the limit: ulimit -n, LimitNOFILE= in a unit";

/// EMFILE or ENFILE.
fn is_full(errno: Option<i32>) -> bool {
    matches!(errno, Some(23 | 24))
}

/// A line on standard error. Nobody can be told that this failed.
pub(crate) fn note(text: impl std::fmt::Display) {
    use std::io::Write;
    // One write: the lines of two threads do not mix.
    let line = format!("linx: {text}\n");
    let _ = std::io::stderr().write_all(line.as_bytes());
}

/// What a user typed, quoted, safe for a terminal.
pub(crate) fn quoted(text: impl AsRef<std::ffi::OsStr>) -> String {
    use std::os::unix::ffi::OsStrExt;
    format!("\"{}\"", linx_wire::name::Name::new(text.as_ref().as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_names_operation_message_and_remedy() {
        let failure = Failure::system("no link \"eht0\" in namespace host")
            .suggest("eht0", ["lo", "eth0", "eth1"])
            .of("list route")
            .of("list");
        assert_eq!(
            failure.text().unwrap(),
            "linx: list route: no link \"eht0\" in namespace host; did you mean \"eth0\"?"
        );
        assert_eq!(failure.status(), 2);
        assert_eq!((Failure::time_out().text(), Failure::time_out().status()), (None, 4));
    }

    #[test]
    fn what_was_typed_cannot_write_on_the_terminal() {
        assert_eq!(quoted("a\x1b[31m"), "\"a\\x1b[31m\"");
    }
}
