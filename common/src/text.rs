//! A text of a plan: what is sent as it is written, templates (`{{ … }}`, `{% … %}`) and references to secrets
//! (`${env:NAME}`, `${file:PATH}`).
//!
//! Reading splits a text once; what the templates mean is not known here. A text without any of the marks is
//! *literal*: the same for every request, and nothing is ever computed for it.

use std::fmt;
use std::ops::Range;

/// A text that may hold templates and references to secrets. Two are equal when they are written alike.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Text {
    written: String,
    pieces: Vec<Piece>,
}

/// A piece of a text, in the order of the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// Stands as it is.
    Literal(String),
    /// Stands for a secret's value.
    Secret(Secret),
    /// `{{ … }}`: the bytes of the text between the braces.
    Value(Range<usize>),
    /// `{% … %}` or `{# … #}`: the bytes of the text with their marks.
    Tag(Range<usize>),
}

/// Where a secret's value is found, on the agent. Shown as it is written: `${env:NAME}`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Secret {
    /// In the agent's environment.
    Env(String),
    /// In a file of the agent's machine.
    File(String),
}

/// Why a text cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct TextError {
    /// Byte of the text.
    pub at: usize,
    /// What is wrong.
    pub what: String,
    /// What would be right.
    pub remedy: &'static str,
}

impl Text {
    /// Reads a text as it is written in a plan.
    pub fn read(written: impl Into<String>) -> Result<Self, TextError> {
        let written = written.into();
        let pieces = split(&written)?;
        Ok(Self { written, pieces })
    }

    /// A text in which nothing has a meaning: sent as it is.
    #[must_use]
    pub fn verbatim(written: impl Into<String>) -> Self {
        let written = written.into();
        let pieces = if written.is_empty() { vec![] } else { vec![Piece::Literal(written.clone())] };
        Self { written, pieces }
    }

    /// What is sent, when that is the same for every request.
    #[must_use]
    pub fn literal(&self) -> Option<&str> {
        self.pieces.iter().all(|piece| matches!(piece, Piece::Literal(_))).then_some(self.written.as_str())
    }

    /// As it stands in the plan.
    #[must_use]
    pub fn written(&self) -> &str {
        &self.written
    }

    /// Its pieces, in order.
    #[must_use]
    pub fn pieces(&self) -> &[Piece] {
        &self.pieces
    }

    /// The secrets it refers to.
    pub fn secrets(&self) -> impl Iterator<Item = &Secret> {
        self.pieces
            .iter()
            .filter_map(|piece| if let Piece::Secret(secret) = piece { Some(secret) } else { None })
    }

    /// Whether it holds templates.
    #[must_use]
    pub fn has_template(&self) -> bool {
        self.pieces.iter().any(|piece| matches!(piece, Piece::Value(_) | Piece::Tag(_)))
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.written.fmt(f)
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Env(name) => write!(f, "${{env:{name}}}"),
            Self::File(path) => write!(f, "${{file:{path}}}"),
        }
    }
}

fn split(text: &str) -> Result<Vec<Piece>, TextError> {
    let (mut pieces, mut literal, mut at) = (Vec::new(), 0, 0);
    while let Some(found) = next_mark(text, at) {
        let (piece, end) = piece(text, found)?;
        if literal < found {
            pieces.push(Piece::Literal(text[literal..found].to_owned()));
        }
        pieces.push(piece);
        (literal, at) = (end, end);
    }
    if literal < text.len() {
        pieces.push(Piece::Literal(text[literal..].to_owned()));
    }
    Ok(pieces)
}

fn next_mark(text: &str, from: usize) -> Option<usize> {
    let is_mark = |at: &usize| MARKS.iter().any(|mark| text[*at..].starts_with(mark));
    text[from..].match_indices(['{', '$']).map(|(at, _)| from + at).find(is_mark)
}

/// The piece that begins with the mark at `start`, and where it ends.
fn piece(text: &str, start: usize) -> Result<(Piece, usize), TextError> {
    let rest = &text[start..];
    let unclosed =
        |mark: &str, remedy| TextError { at: start, what: format!("`{mark}` is never closed"), remedy };
    if let Some(reference) = rest.strip_prefix("${") {
        let end = reference.find('}').ok_or_else(|| unclosed("${", "write ${env:NAME} or ${file:PATH}"))?;
        let secret =
            secret(&reference[..end]).map_err(|(what, remedy)| TextError { at: start, what, remedy })?;
        return Ok((Piece::Secret(secret), start + 2 + end + 1));
    }
    let (close, is_value) = match &rest[..2] {
        "{{" => ("}}", true),
        "{%" => ("%}", false),
        _ => ("#}", false),
    };
    let end = if close == "#}" { rest.find(close) } else { end_of_code(rest, close) };
    let end = end
        .ok_or_else(|| unclosed(&rest[..2], "close it, or write `{{ \"{{\" }}` for the braces themselves"))?;
    let (inner, whole) = (start + 2..start + end, start..start + end + 2);
    Ok((if is_value { Piece::Value(inner) } else { Piece::Tag(whole.clone()) }, whole.end))
}

/// Where `close` stands in `text` outside of quotes.
fn end_of_code(text: &str, close: &str) -> Option<usize> {
    let (mut quote, mut escaped) = (None, false);
    for (at, c) in text.char_indices().skip(2) {
        match quote {
            Some(_) if escaped => escaped = false,
            Some(_) if c == '\\' => escaped = true,
            Some(open) if c == open => quote = None,
            Some(_) => {}
            None if text[at..].starts_with(close) => return Some(at),
            None if c == '"' || c == '\'' => quote = Some(c),
            None => {}
        }
    }
    None
}

fn secret(reference: &str) -> Result<Secret, (String, &'static str)> {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    match reference.split_once(':') {
        Some(("env", name)) if !name.is_empty() && name.bytes().all(is_part) => {
            Ok(Secret::Env(name.to_owned()))
        }
        Some(("env", _)) => {
            Err(("not the name of a variable of the environment".to_owned(), "like ${env:API_TOKEN}"))
        }
        Some((_, path)) if !path.is_empty() && !path.chars().any(char::is_control) => {
            Ok(Secret::File(path.to_owned()))
        }
        _ => Err(("not the path of a file".to_owned(), "like ${file:/run/secrets/token}")),
    }
}

/// What has a meaning in a text.
const MARKS: [&str; 5] = ["{{", "{%", "{#", "${env:", "${file:"];

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The pieces of a text as one line.
    fn shown(text: &str) -> String {
        let shown = |piece: &Piece| match piece {
            Piece::Literal(literal) => format!("'{literal}'"),
            Piece::Secret(secret) => format!("secret {secret}"),
            Piece::Value(range) => format!("value <{}>", &text[range.clone()]),
            Piece::Tag(range) => format!("tag <{}>", &text[range.clone()]),
        };
        match Text::read(text) {
            Ok(read) => read.pieces().iter().map(shown).collect::<Vec<_>>().join(", "),
            Err(error) => format!("{} at {}", error.what, error.at),
        }
    }

    #[test]
    fn a_text_is_split_at_its_marks() {
        for (text, expected, why) in [
            ("", "", "nothing"),
            ("/a?b={c}&$d", "'/a?b={c}&$d'", "single braces and dollars mean nothing"),
            ("${HOME}", "'${HOME}'", "nor do other references"),
            ("a{{ x }}b", "'a', value < x >, 'b'", "a value between literals"),
            ("{{a}}{{b}}", "value <a>, value <b>", "one after the other"),
            ("{{ \"}}\" }}!", "value < \"}}\" >, '!'", "braces in quotes do not close"),
            ("{{ '\\'}}' }}", "value < '\\'}}' >", "nor does an escaped quote open"),
            ("{\"a\":{{ n }}}", "'{\"a\":', value < n >, '}'", "the first closing braces close"),
            ("{% if a %}x{% endif %}", "tag <{% if a %}>, 'x', tag <{% endif %}>", "tags"),
            ("{# a ' #}b", "tag <{# a ' #}>, 'b'", "quotes mean nothing in a comment"),
            ("Bearer ${env:T}", "'Bearer ', secret ${env:T}", "a secret of the environment"),
            ("${file:/a b}c", "secret ${file:/a b}, 'c'", "a secret of a file"),
            ("ä{{x", "`{{` is never closed at 2", "the place is in bytes"),
            ("${env:a-b}", "not the name of a variable of the environment at 0", "a wrong name"),
            ("${file:}", "not the path of a file at 0", "no path"),
            ("${env:A", "`${` is never closed at 0", "an open reference"),
        ] {
            assert_eq!(shown(text), expected, "{why}");
        }
    }

    #[test]
    fn only_a_text_without_marks_is_literal() {
        let literal = |text: &str| Text::read(text).unwrap().literal().map(str::to_owned);
        assert_eq!(literal("a{b}"), Some("a{b}".to_owned()));
        assert_eq!(literal("a{{b}}"), None);
        assert_eq!(literal("${env:B}"), None);
        assert_eq!(Text::verbatim("a{{b").literal(), Some("a{{b"));
        assert!(
            Text::read("{{b}}").unwrap().has_template() && !Text::read("${env:B}").unwrap().has_template()
        );
    }

    proptest! {
        #[test]
        fn pieces_put_together_are_the_text(text in "([a-z]|\\{\\{|\\}\\}|\\{%|%\\}|[{}$\"'\\\\ä]|\\$\\{env:A\\}){0,30}") {
            if let Ok(read) = Text::read(text.clone()) {
                let piece = |piece: &Piece| match piece {
                    Piece::Literal(literal) => literal.clone(),
                    Piece::Secret(secret) => secret.to_string(),
                    Piece::Value(range) => format!("{{{{{}}}}}", &text[range.clone()]),
                    Piece::Tag(range) => text[range.clone()].to_owned(),
                };
                prop_assert_eq!(read.pieces().iter().map(piece).collect::<String>(), text);
            }
        }
    }
}
