//! Problems of a plan, each at its place in the text, printed so that the remedy is on the same screen.

use std::fmt;
use std::ops::Range;

/// Why a text is no plan: every problem that was found, in the order of the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problems {
    /// The file's name as the caller gave it.
    pub file: String,
    /// At least one, ordered by place.
    pub list: Vec<Problem>,
}

/// One problem of a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Line in the file, from 1.
    pub line: usize,
    /// Column in the line, in characters, from 1.
    pub column: usize,
    /// What is wrong.
    pub message: String,
    /// What is allowed, and what was probably meant; may be empty.
    pub help: String,
    /// The line of the text, cut to a window round the problem when it is long.
    pub excerpt: String,
    /// The underlined characters of `excerpt`, from 0; never empty, at most one behind its end.
    pub underline: Range<usize>,
}

impl std::error::Error for Problems {}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for problem in &self.list {
            problem.write(f, &self.file)?;
            writeln!(f)?;
        }
        let plural = if self.list.len() == 1 { "" } else { "s" };
        write!(f, "{}: {} problem{plural}", self.file, self.list.len())
    }
}

impl Problem {
    fn write(&self, f: &mut fmt::Formatter<'_>, file: &str) -> fmt::Result {
        let width = self.line.to_string().len();
        writeln!(f, "error: {}", self.message)?;
        writeln!(f, "{:width$} --> {file}:{}:{}", "", self.line, self.column)?;
        writeln!(f, "{:width$} |", "")?;
        writeln!(f, "{}", format!("{} | {}", self.line, self.excerpt).trim_end())?;
        let carets = "^".repeat(self.underline.len());
        let line =
            format!("{:width$} | {:indent$}{carets} {}", "", "", self.help, indent = self.underline.start);
        writeln!(f, "{}", line.trim_end())
    }
}

/// A problem whose place still is a range of bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    /// Bytes of the text; may lie outside of it or on no character border.
    pub(super) span: Range<usize>,
    pub(super) message: String,
    pub(super) help: String,
}

impl Fault {
    pub(super) fn new(span: Range<usize>, message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { span, message: message.into(), help: help.into() }
    }
}

impl Problems {
    /// Finds line and column of every fault.
    pub(super) fn locate(file: &str, text: &str, mut faults: Vec<Fault>) -> Self {
        faults.sort_by_key(|fault| (fault.span.start, fault.span.end));
        faults.dedup();
        // One pass over the text for all faults: they come in order.
        let (mut line, mut line_start) = (1, 0);
        let list = faults.into_iter().map(|fault| {
            let start = text.floor_char_boundary(fault.span.start.min(text.len()));
            while let Some(end) = text[line_start..start].find('\n') {
                line += 1;
                line_start += end + 1;
            }
            let end = text[start..].find(['\n', '\r']).map_or(text.len(), |length| start + length);
            let marked = start..text.floor_char_boundary(fault.span.end.clamp(start, end));
            Problem::at(
                line,
                &text[line_start..end],
                marked.start - line_start..marked.end - line_start,
                &fault,
            )
        });
        Self { file: file.to_owned(), list: list.collect() }
    }
}

impl Problem {
    /// `marked` is a range of bytes of `source`, on character borders.
    fn at(line: usize, source: &str, marked: Range<usize>, fault: &Fault) -> Self {
        let before = source[..marked.start].chars().count();
        let length = source[marked].chars().count().max(1);
        let is_long = source.chars().nth(WINDOW).is_some();
        let skipped = if is_long { before.saturating_sub(WINDOW / 4) } else { 0 };
        let mut excerpt: String = source.chars().skip(skipped).take(WINDOW).map(printable).collect();
        // At the end of a line that just fits, the mark stands behind the window.
        let (mut from, mut to) =
            (before - skipped, (before - skipped + length).min(WINDOW).max(before - skipped + 1));
        if source.chars().nth(skipped + WINDOW).is_some() {
            excerpt.push('…');
        } else {
            excerpt.truncate(excerpt.trim_end().len());
        }
        if skipped > 0 {
            excerpt.insert(0, '…');
            (from, to) = (from + 1, to + 1);
        }
        Self {
            line,
            column: before + 1,
            message: fault.message.chars().map(printable).collect(),
            help: fault.help.chars().map(printable).collect(),
            excerpt,
            underline: from..to,
        }
    }
}

/// A foreign word in quotes for a message: escaped and cut, so that it can neither flood nor steer a terminal.
pub(super) fn quoted(word: &str) -> String {
    let cut: String = word.chars().take(LONGEST_WORD).flat_map(char::escape_debug).collect();
    let more = if word.chars().nth(LONGEST_WORD).is_some() { "…" } else { "" };
    format!("`{cut}{more}`")
}

fn printable(c: char) -> char {
    match c {
        '\t' => ' ',
        c if c.is_control() => char::REPLACEMENT_CHARACTER,
        c => c,
    }
}

/// Characters shown of a line.
const WINDOW: usize = 160;
/// Characters shown of a word.
const LONGEST_WORD: usize = 60;

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str, span: Range<usize>) -> String {
        Problems::locate("p", text, vec![Fault::new(span, "m", "h")]).to_string()
    }

    #[test]
    fn a_problem_shows_its_place() {
        for (text, span, expected, why) in [
            ("a = 1", 4..5, "error: m\n  --> p:1:5\n  |\n1 | a = 1\n  |     ^ h\n", "a value"),
            ("a = 1", 5..5, "error: m\n  --> p:1:6\n  |\n1 | a = 1\n  |      ^ h\n", "behind the end"),
            ("", 0..0, "error: m\n  --> p:1:1\n  |\n1 |\n  | ^ h\n", "an empty text"),
            (
                "é = \"ü\"\r\nb",
                5..9,
                "error: m\n  --> p:1:5\n  |\n1 | é = \"ü\"\n  |     ^^^ h\n",
                "letters, not bytes",
            ),
            ("\n\tb", 2..3, "error: m\n  --> p:2:2\n  |\n2 |  b\n  |  ^ h\n", "a tab is one column"),
            (
                "a\nb",
                0..3,
                "error: m\n  --> p:1:1\n  |\n1 | a\n  | ^ h\n",
                "only the first line is underlined",
            ),
            ("a", 7..9, "error: m\n  --> p:1:2\n  |\n1 | a\n  |  ^ h\n", "outside of the text"),
        ] {
            assert_eq!(shown(text, span), format!("{expected}\np: 1 problem"), "{why}");
        }
    }

    #[test]
    fn a_place_is_marked_however_long_its_line_is() {
        for length in [0, 1, WINDOW - 1, WINDOW, WINDOW + 1, 3 * WINDOW] {
            let text = "a".repeat(length);
            let faults = [0, length / 2, length].map(|at| Fault::new(at..at, "m", ""));
            for problem in Problems::locate("p", &text, faults.to_vec()).list {
                let (underline, shown) = (problem.underline, problem.excerpt.chars().count());
                assert!(
                    !underline.is_empty() && underline.end <= shown + 1,
                    "{underline:?} of {shown} in {length}"
                );
            }
        }
    }

    #[test]
    fn long_lines_and_control_characters_are_tamed() {
        let text = format!("{}\u{1b}[2J!{}", "a".repeat(1000), "b".repeat(1000));
        let problems = Problems::locate("p", &text, vec![Fault::new(1000..1005, "m\u{7}", "")]);
        let problem = &problems.list[0];
        assert_eq!(problem.column, 1001);
        assert!(problem.excerpt.chars().count() <= WINDOW + 2);
        let marked: String = problem.excerpt.chars().skip(problem.underline.start).take(5).collect();
        assert_eq!(marked, "\u{fffd}[2J!");
        assert!(!problems.to_string().contains(['\u{1b}', '\u{7}']));
        assert_eq!(quoted("a\u{1b}"), "`a\\u{1b}`");
    }
}
