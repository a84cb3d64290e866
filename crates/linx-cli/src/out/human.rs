//! Lines for people: `TIME  NAMESPACE  SIGN KIND  OBJECT  by AUTHOR`, in colour where it is wanted.

use std::io::Write;

use anstyle::{AnsiColor, Color, Style};

use crate::args::When;

/// Whether to colour, and with what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Paint {
    on: bool,
}

impl Paint {
    /// As asked for, else when standard output is a terminal and nothing in the environment speaks against it
    /// (`NO_COLOR`, `TERM=dumb`, `CLICOLOR=0`).
    pub(crate) fn choose(when: Option<When>) -> Self {
        let on = match when {
            Some(When::Always) => true,
            Some(When::Never) => false,
            Some(When::Auto) | None => {
                anstream::AutoStream::choice(&std::io::stdout()) != anstream::ColorChoice::Never
            }
        };
        Self { on }
    }

    /// Whether lines are coloured.
    pub(crate) fn is_on(self) -> bool {
        self.on
    }

    /// Text in a style.
    pub(crate) fn text(self, style: Style, text: &str, line: &mut Vec<u8>) {
        // Writing to a vector does not fail.
        let _ = if self.on && !style.is_plain() {
            write!(line, "{style}{text}{style:#}")
        } else {
            line.write_all(text.as_bytes())
        };
    }
}

const fn plain(color: AnsiColor) -> Style {
    Style::new().fg_color(Some(Color::Ansi(color)))
}

/// What is around the matter.
pub(crate) const ASIDE: Style = Style::new().dimmed();
/// What is certain no more.
pub(crate) const ALARM: Style = plain(AnsiColor::Red).bold();
/// A namespace.
pub(crate) const NAMESPACE: Style = plain(AnsiColor::Magenta);
/// An author.
pub(crate) const AUTHOR: Style = plain(AnsiColor::Cyan);

/// What happened to the object of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sign {
    /// It is there.
    State,
    /// It is new, or has changed: the kernel does not say which.
    Plus,
    /// It has changed.
    Tilde,
    /// It is gone.
    Minus,
    /// The stream itself.
    Bang,
}

impl Sign {
    fn text(self) -> &'static str {
        match self {
            Self::State => " ",
            Self::Plus => "+",
            Self::Tilde => "~",
            Self::Minus => "-",
            Self::Bang => "!",
        }
    }

    fn style(self) -> Style {
        match self {
            Self::State => Style::new(),
            Self::Plus => plain(AnsiColor::Green).bold(),
            Self::Tilde => plain(AnsiColor::Yellow).bold(),
            Self::Minus => plain(AnsiColor::Red).bold(),
            Self::Bang => ALARM,
        }
    }
}

/// A commit of nf_tables.
pub(crate) const COMMIT: Style = plain(AnsiColor::Blue).bold();

/// The style of a kind.
pub(super) fn kind_style(kind: &str) -> Style {
    match kind {
        "link" => plain(AnsiColor::Cyan),
        "address" => plain(AnsiColor::Blue),
        "route" => plain(AnsiColor::Green),
        "neigh" => plain(AnsiColor::Yellow),
        "rule" => plain(AnsiColor::Magenta),
        "nexthop" => plain(AnsiColor::BrightGreen),
        "netns" => NAMESPACE,
        "table" => plain(AnsiColor::Blue),
        "chain" => plain(AnsiColor::Cyan),
        "set" | "map" | "element" => plain(AnsiColor::Yellow),
        "flowtable" => plain(AnsiColor::Green),
        _ => Style::new(),
    }
}

/// ip's colours for the parts of an object.
pub(crate) fn part_style(part: linx::text::Style) -> Style {
    use linx::text::Style as Part;
    match part {
        Part::Name => plain(AnsiColor::Cyan),
        Part::Inet => plain(AnsiColor::Magenta),
        Part::Inet6 => plain(AnsiColor::Blue),
        Part::LinkAddress => plain(AnsiColor::Yellow),
        Part::Good => plain(AnsiColor::Green),
        Part::Bad => plain(AnsiColor::Red),
        _ => Style::new(),
    }
}

/// Width of the column of kinds: the longest, `address` and `nexthop`, and two spaces.
const KIND: usize = 9;

/// The columns of a line up to the object.
pub(crate) fn columns(paint: Paint, sign: Sign, kind: &str, line: &mut Vec<u8>) {
    paint.text(sign.style(), sign.text(), line);
    line.push(b' ');
    kind_column(paint, kind, line);
}

/// The kind alone, padded.
pub(crate) fn kind_column(paint: Paint, kind: &str, line: &mut Vec<u8>) {
    paint.text(kind_style(kind), kind, line);
    pad(kind.len(), KIND, line);
}

/// Spaces up to a width, at least two.
pub(crate) fn pad(have: usize, width: usize, line: &mut Vec<u8>) {
    let spaces = width.saturating_sub(have).max(2);
    line.resize(line.len() + spaces, b' ');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(paint: Paint) -> String {
        let mut line = Vec::new();
        columns(paint, Sign::Minus, "route", &mut line);
        String::from_utf8(line).unwrap()
    }

    #[test]
    fn columns_line_up_and_colour_is_only_around_them() {
        assert_eq!(line(Paint { on: false }), "- route    ");
        let colored = line(Paint { on: true });
        assert!(colored.contains("\x1b[32mroute\x1b[0m    "), "{colored:?}");
        assert!(Paint::choose(Some(When::Always)).on && !Paint::choose(Some(When::Never)).on);
    }
}
