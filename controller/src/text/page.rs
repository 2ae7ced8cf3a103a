//! Lines of a bounded width. The one door to the terminal: what goes through it is stripped of control characters
//! and cut to the width before it is coloured.

use common::human::printable;

/// How a line looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    /// As the terminal writes.
    Plain,
    /// Of lesser weight.
    Dim,
    /// The title of what follows.
    Heading,
    /// As it should be.
    Good,
    /// To be looked at.
    Doubtful,
    /// Not as it should be.
    Bad,
}

/// The lines so far.
pub(super) struct Page {
    text: String,
    width: usize,
    color: bool,
}

impl Page {
    pub(super) const fn new(width: usize, color: bool) -> Self {
        Self { text: String::new(), width, color }
    }

    pub(super) const fn width(&self) -> usize {
        self.width
    }

    pub(super) fn blank(&mut self) {
        self.text.push('\n');
    }

    pub(super) fn line(&mut self, line: &str, style: Style) {
        let line = fitted(printable(line).trim_end(), self.width);
        match (self.color, style.code()) {
            (true, Some(code)) => self.text.push_str(&format!("\u{1b}[{code}m{line}\u{1b}[0m")),
            _ => self.text.push_str(&line),
        }
        self.text.push('\n');
    }

    /// Breaks between words; `first` stands before the first line, as many spaces before the others.
    pub(super) fn wrapped(&mut self, first: &str, text: &str, style: Style) {
        let room = self.width.saturating_sub(first.chars().count());
        let indent = " ".repeat(first.chars().count());
        let (mut start, mut line) = (first, String::new());
        for word in printable(text).split(' ') {
            if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > room {
                self.line(&format!("{start}{line}"), style);
                start = &indent;
                line.clear();
            } else if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
        self.line(&format!("{start}{line}"), style);
    }

    /// A mark where colour tells the rest, a word where there is none.
    pub(super) const fn mark(&self, good: bool, yes: &'static str, no: &'static str) -> &'static str {
        match (self.color, good) {
            (true, true) => "✓",
            (true, false) => "✗",
            (false, true) => yes,
            (false, false) => no,
        }
    }

    pub(super) fn into_text(self) -> String {
        self.text
    }
}

impl Style {
    const fn code(self) -> Option<&'static str> {
        match self {
            Self::Plain => None,
            Self::Dim => Some("2"),
            Self::Heading => Some("1"),
            Self::Good => Some("32"),
            Self::Doubtful => Some("33"),
            Self::Bad => Some("31"),
        }
    }
}

/// Cut to `width` characters, the last an ellipsis if something was cut.
pub(super) fn fitted(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    let kept: String = text.chars().take(width.saturating_sub(1)).collect();
    kept + "…"
}
