//! Reads HTML as a sequence of tags and texts, in one pass and without a tree.
//!
//! It follows the HTML standard where forms and tokens live: quoted and bare attributes, comments, void elements,
//! elements whose content is only text, character references by number and the five of XML. What it leaves alone
//! (rare named references, foster parenting) does not stand in a token.

use std::borrow::Cow;

/// A piece of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Piece<'a> {
    /// `<name …>`
    Open(Tag<'a>),
    /// `</name>`, in lower case.
    Close(String),
    /// What stands between tags, references resolved.
    Text(Cow<'a, str>),
}

/// An opening tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tag<'a> {
    /// In lower case.
    pub(super) name: String,
    /// Names in lower case, references in values resolved; the first [`MOST_ATTRIBUTES`] of them.
    pub(super) attributes: Vec<(String, Cow<'a, str>)>,
}

/// The pieces of a document.
pub(super) struct Pieces<'a> {
    rest: &'a str,
    /// Inside an element whose content is only text: its name.
    raw: Option<String>,
}

impl<'a> Pieces<'a> {
    pub(super) fn of(document: &'a str) -> Self {
        Self { rest: document, raw: None }
    }

    /// The content of an element that holds only text.
    fn raw(&mut self, name: &str) -> Option<Piece<'a>> {
        let (text, behind) = self.rest.split_at(end_of_raw(self.rest, name));
        self.rest = behind;
        if text.is_empty() {
            return self.next();
        }
        // Script and style know no references.
        let is_plain = matches!(name, "script" | "style");
        Some(Piece::Text(if is_plain { Cow::Borrowed(text) } else { resolved(text) }))
    }

    fn open(&mut self) -> Piece<'a> {
        let (name, mut rest) = split_name(&self.rest[1..]);
        let mut attributes: Vec<(String, Cow<'a, str>)> = Vec::new();
        loop {
            rest = rest.trim_start_matches(|c: char| c.is_ascii_whitespace() || c == '/');
            if rest.is_empty() || rest.starts_with('>') {
                break;
            }
            let (attribute, behind) = attribute(rest);
            rest = behind;
            // Of two with the same name the first counts, so that those behind need not be looked at.
            if attributes.len() < MOST_ATTRIBUTES {
                attributes.push(attribute);
            }
        }
        self.rest = rest.strip_prefix('>').unwrap_or(rest);
        if matches!(&*name, "script" | "style" | "textarea" | "title") {
            self.raw = Some(name.clone());
        }
        Piece::Open(Tag { name, attributes })
    }

    fn close(&mut self) -> Piece<'a> {
        let (name, behind) = split_name(&self.rest[2..]);
        self.rest = behind.split_once('>').map_or("", |(_, behind)| behind);
        Piece::Close(name)
    }

    fn skip_comment(&mut self) {
        let behind = match self.rest.strip_prefix("<!--") {
            Some(comment) => comment.split_once("-->"),
            None => self.rest.split_once('>'),
        };
        self.rest = behind.map_or("", |(_, behind)| behind);
    }
}

impl<'a> Iterator for Pieces<'a> {
    type Item = Piece<'a>;

    fn next(&mut self) -> Option<Piece<'a>> {
        if let Some(name) = self.raw.take() {
            return self.raw(&name);
        }
        loop {
            let after = self.rest.strip_prefix('<');
            match after.map(|after| after.as_bytes().first()) {
                Some(Some(b'!' | b'?')) => self.skip_comment(),
                Some(Some(b'/')) if self.rest[2..].starts_with(|c: char| c.is_ascii_alphabetic()) => {
                    return Some(self.close());
                }
                Some(Some(b'/')) => self.skip_comment(),
                Some(Some(first)) if first.is_ascii_alphabetic() => return Some(self.open()),
                // A single `<` is a text like any other.
                _ if self.rest.is_empty() => return None,
                after => {
                    let from = usize::from(after.is_some());
                    let end = self.rest[from..].find('<').map_or(self.rest.len(), |end| end + from);
                    let (text, behind) = self.rest.split_at(end);
                    self.rest = behind;
                    return Some(Piece::Text(resolved(text)));
                }
            }
        }
    }
}

/// Elements that have no content and no closing tag.
pub(super) fn is_void(name: &str) -> bool {
    matches!(
        name,
        "area"
            | "base"
            | "br"
            | "col"
            | "embed"
            | "hr"
            | "img"
            | "input"
            | "link"
            | "meta"
            | "source"
            | "track"
            | "wbr"
    )
}

/// Where `</name` stands, or the end.
fn end_of_raw(text: &str, name: &str) -> usize {
    let bytes = text.as_bytes();
    let is_end = |at: usize| {
        let own = bytes.get(at + 2..at + 2 + name.len());
        bytes[at + 1..].first() == Some(&b'/')
            && own.is_some_and(|own| own.eq_ignore_ascii_case(name.as_bytes()))
    };
    text.match_indices('<').map(|(at, _)| at).find(|at| is_end(*at)).unwrap_or(text.len())
}

fn split_name(text: &str) -> (String, &str) {
    let end = text.find(|c: char| c.is_ascii_whitespace() || c == '/' || c == '>').unwrap_or(text.len());
    (text[..end].to_ascii_lowercase(), &text[end..])
}

fn attribute(text: &str) -> ((String, Cow<'_, str>), &str) {
    // An equals sign in front belongs to the name, so that every turn takes at least one character.
    let ends = |c: char| c.is_ascii_whitespace() || matches!(c, '/' | '>' | '=');
    let first = text.chars().next().map_or(0, char::len_utf8);
    let end = text[first..].find(ends).map_or(text.len(), |end| end + first);
    let (name, rest) = (text[..end].to_ascii_lowercase(), &text[end..]);
    let Some(value) = rest.trim_ascii_start().strip_prefix('=') else {
        return ((name, Cow::Borrowed("")), rest);
    };
    let value = value.trim_ascii_start();
    let (value, rest) = match value.chars().next() {
        Some(quote @ ('"' | '\'')) => value[1..].split_once(quote).unwrap_or((&value[1..], "")),
        _ => {
            let end = value.find(|c: char| c.is_ascii_whitespace() || c == '>');
            value.split_at(end.unwrap_or(value.len()))
        }
    };
    ((name, resolved(value)), rest)
}

/// The text with its character references resolved.
fn resolved(text: &str) -> Cow<'_, str> {
    let Some(first) = text.find('&') else { return Cow::Borrowed(text) };
    let mut out = String::with_capacity(text.len());
    out.push_str(&text[..first]);
    let mut rest = &text[first..];
    while let Some(after) = rest.strip_prefix('&') {
        let window = after.char_indices().nth(LONGEST_REFERENCE).map_or(after.len(), |(at, _)| at);
        let meant = after[..window].find(';').and_then(|end| Some((referenced(&after[..end])?, end)));
        match meant {
            Some((c, end)) => {
                out.push(c);
                rest = &after[end + 1..];
            }
            None => {
                out.push('&');
                rest = after;
            }
        }
        let next = rest.find('&').unwrap_or(rest.len());
        out.push_str(&rest[..next]);
        rest = &rest[next..];
    }
    Cow::Owned(out)
}

fn referenced(name: &str) -> Option<char> {
    let number = match name.strip_prefix('#') {
        Some(hex) if hex.starts_with(['x', 'X']) => u32::from_str_radix(&hex[1..], 16).ok(),
        Some(decimal) => decimal.parse().ok(),
        None => {
            return match name {
                "amp" => Some('&'),
                "lt" => Some('<'),
                "gt" => Some('>'),
                "quot" => Some('"'),
                "apos" => Some('\''),
                "nbsp" => Some('\u{a0}'),
                _ => None,
            };
        }
    };
    number.and_then(char::from_u32).filter(|c| *c != '\0')
}

/// More attributes of one tag are not looked at.
const MOST_ATTRIBUTES: usize = 256;
/// Characters of the longest reference that is resolved.
const LONGEST_REFERENCE: usize = 12;
