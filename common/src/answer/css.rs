//! CSS selectors over HTML, matched while the document is read: no tree is built.
//!
//! `input[name=csrf]`, `#main > form.login input`, `meta[name="token" i], h1`. A compound selects by name, id,
//! class and attribute; compounds are joined by descent (a space) or parenthood (`>`).
//!
//! An open element carries a bit for each compound that it completes: compound *i* is complete at an element when
//! the element fits it and *i − 1* is complete at its parent (`>`) or at any ancestor (a space). One pass, and the
//! cost of an element does not depend on how deep it stands.

use std::fmt;

use super::html::{Piece, Pieces, Tag, is_void};

/// A compiled selector; equal to another when it was written the same way.
#[derive(Clone, PartialEq, Eq)]
pub struct Css {
    text: String,
    compounds: Vec<Compound>,
}

/// Why a text is no [`Css`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CssError {
    /// Nothing, or nothing on one side of `,` or `>`.
    #[error("a selector with nothing in one place")]
    Empty,
    /// `:first-child`, `a + b`, `a ~ b` and the like.
    #[error("`{0}` in a selector is not supported")]
    Unsupported(char),
    /// A name or a bracket that is not complete.
    #[error("a selector that is not complete")]
    Incomplete,
    /// More compounds than there are bits.
    #[error("a selector with more than {MOST_COMPOUNDS} parts")]
    TooLong,
}

impl CssError {
    /// What is allowed.
    #[must_use]
    pub const fn remedy(self) -> &'static str {
        "names, `#id`, `.class`, `[attribute=\"value\"]` (also ~= ^= $= *=), joined by spaces, `>` and `,`"
    }
}

/// What an element must be.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Compound {
    name: Option<String>,
    conditions: Vec<Condition>,
    joint: Joint,
    /// Whether an element that completes it is selected.
    is_last: bool,
}

/// How a compound hangs on the one before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Joint {
    #[default]
    First,
    Descendant,
    Child,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Condition {
    attribute: String,
    test: Test,
    value: String,
    ignores_case: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Test {
    Present,
    Equal,
    /// One of the words, as classes are.
    Word,
    Prefix,
    Suffix,
    Substring,
}

impl Css {
    /// Compiles a selector.
    ///
    /// # Errors
    /// [`CssError`]; its remedy lists what is understood.
    pub fn new(text: &str) -> Result<Self, CssError> {
        let mut compounds = Vec::new();
        for selector in parts(text, ',') {
            read_selector(selector, &mut compounds)?;
        }
        if compounds.len() > MOST_COMPOUNDS {
            return Err(CssError::TooLong);
        }
        Ok(Self { text: text.to_owned(), compounds })
    }

    /// Of the first element in the document that is selected: the attribute (when it has none, the next element is
    /// asked), or its text without space around it.
    #[must_use]
    pub fn find(&self, document: &str, attribute: Option<&str>) -> Option<String> {
        let mut open: Vec<Open> = Vec::new();
        // The element whose text is wanted, by its depth, and the text so far.
        let mut inside: Option<(usize, String)> = None;
        for piece in Pieces::of(document) {
            match &piece {
                Piece::Text(text) => {
                    if let Some((_, own)) = &mut inside {
                        own.push_str(text);
                    }
                }
                Piece::Close(name) => close(&mut open, name),
                Piece::Open(tag) => close_implied(&mut open, &tag.name),
            }
            if inside.as_ref().is_some_and(|(depth, _)| open.len() <= *depth) {
                break;
            }
            let Piece::Open(tag) = piece else { continue };
            let bits = self.bits(&tag, open.last());
            let holds = !is_void(&tag.name) && open.len() < DEEPEST;
            if inside.is_none() && self.selects(bits) {
                match attribute.map(|name| tag.attribute(name)) {
                    Some(Some(value)) => return Some(value.to_owned()),
                    Some(None) => {}
                    None if !holds => return Some(String::new()),
                    None => inside = Some((open.len(), String::new())),
                }
            }
            if holds {
                let path = open.last().map_or(0, |parent| parent.path) | bits;
                open.push(Open { name: tag.name, bits, path });
            }
        }
        inside.map(|(_, text)| text.trim().to_owned())
    }

    /// As it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    fn bits(&self, tag: &Tag<'_>, parent: Option<&Open>) -> u64 {
        let (own, path) = parent.map_or((0, 0), |parent| (parent.bits, parent.path));
        let complete = |(place, compound): (usize, &Compound)| {
            let before = match compound.joint {
                Joint::First => true,
                Joint::Child => own >> (place - 1) & 1 == 1,
                Joint::Descendant => path >> (place - 1) & 1 == 1,
            };
            u64::from(before && compound.fits(tag)) << place
        };
        self.compounds.iter().enumerate().map(complete).fold(0, |bits, bit| bits | bit)
    }

    fn selects(&self, bits: u64) -> bool {
        self.compounds.iter().enumerate().any(|(place, compound)| compound.is_last && bits >> place & 1 == 1)
    }
}

/// An element whose end has not come yet.
struct Open {
    name: String,
    /// The compounds that it completes.
    bits: u64,
    /// Those that it or any element around it completes.
    path: u64,
}

/// Closes the innermost element of this name and what is in it; an end without a beginning means nothing.
fn close(open: &mut Vec<Open>, name: &str) {
    if let Some(place) = open.iter().rposition(|element| element.name == name) {
        open.truncate(place);
    }
}

/// Elements whose end tag people leave out are closed by the next of their kind.
fn close_implied(open: &mut Vec<Open>, name: &str) {
    let closes = |last: &str| match name {
        "li" | "option" | "p" | "tr" => last == name,
        "td" | "th" => matches!(last, "td" | "th"),
        "dt" | "dd" => matches!(last, "dt" | "dd"),
        "div" | "dl" | "form" | "h1" | "h2" | "h3" | "ol" | "pre" | "table" | "ul" => last == "p",
        _ => false,
    };
    if name == "tr" && open.last().is_some_and(|last| matches!(&*last.name, "td" | "th")) {
        open.pop();
    }
    if open.last().is_some_and(|last| closes(&last.name)) {
        open.pop();
    }
}

impl Compound {
    fn fits(&self, tag: &Tag<'_>) -> bool {
        self.name.as_ref().is_none_or(|name| *name == tag.name)
            && self.conditions.iter().all(|condition| condition.holds(tag))
    }
}

impl Condition {
    fn holds(&self, tag: &Tag<'_>) -> bool {
        let Some(found) = tag.attribute(&self.attribute) else { return false };
        if self.ignores_case {
            return self.compare(&found.to_ascii_lowercase(), &self.value.to_ascii_lowercase());
        }
        self.compare(found, &self.value)
    }

    fn compare(&self, found: &str, value: &str) -> bool {
        match self.test {
            Test::Present => true,
            Test::Equal => found == value,
            Test::Word => found.split_ascii_whitespace().any(|word| word == value),
            Test::Prefix => !value.is_empty() && found.starts_with(value),
            Test::Suffix => !value.is_empty() && found.ends_with(value),
            Test::Substring => !value.is_empty() && found.contains(value),
        }
    }
}

impl Tag<'_> {
    fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| &**value)
    }
}

/// Parts between separators that stand outside of brackets and quotes.
fn parts(text: &str, separator: char) -> Vec<&str> {
    let (mut parts, mut from, mut quote, mut depth) = (Vec::new(), 0, None, 0_u32);
    for (at, c) in text.char_indices() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'') => quote = Some(c),
            (None, '[') => depth += 1,
            (None, ']') => depth = depth.saturating_sub(1),
            (None, c) if c == separator && depth == 0 => {
                parts.push(&text[from..at]);
                from = at + c.len_utf8();
            }
            _ => {}
        }
    }
    parts.push(&text[from..]);
    parts
}

fn read_selector(text: &str, compounds: &mut Vec<Compound>) -> Result<(), CssError> {
    let (mut rest, mut joint) = (text.trim(), Joint::First);
    loop {
        let (compound, behind) = read_compound(rest, joint)?;
        compounds.push(compound);
        let next = behind.trim_start();
        match next.strip_prefix('>') {
            Some(child) => (rest, joint) = (child.trim_start(), Joint::Child),
            None if next.is_empty() => break,
            None if next.len() == behind.len() => return Err(CssError::Incomplete),
            None => (rest, joint) = (next, Joint::Descendant),
        }
    }
    if let Some(last) = compounds.last_mut() {
        last.is_last = true;
    }
    Ok(())
}

fn read_compound(text: &str, joint: Joint) -> Result<(Compound, &str), CssError> {
    let mut compound = Compound { joint, ..Compound::default() };
    let mut rest = text;
    if let Some(behind) = rest.strip_prefix('*') {
        rest = behind;
    } else if rest.starts_with(is_name) {
        let (name, behind) = read_name(rest)?;
        compound.name = Some(name.to_ascii_lowercase());
        rest = behind;
    }
    loop {
        let (condition, behind) = match rest.chars().next() {
            Some('#') => condition_of("id", Test::Equal, &rest[1..])?,
            Some('.') => condition_of("class", Test::Word, &rest[1..])?,
            Some('[') => read_attribute(&rest[1..])?,
            Some(c @ (':' | '+' | '~')) => return Err(CssError::Unsupported(c)),
            _ => break,
        };
        compound.conditions.push(condition);
        rest = behind;
    }
    if let Some(c @ ('+' | '~')) = rest.trim_start().chars().next() {
        return Err(CssError::Unsupported(c));
    }
    if rest.len() == text.len() { Err(CssError::Empty) } else { Ok((compound, rest)) }
}

fn condition_of<'a>(attribute: &str, test: Test, text: &'a str) -> Result<(Condition, &'a str), CssError> {
    let (value, rest) = read_name(text)?;
    let condition =
        Condition { attribute: attribute.to_owned(), test, value: value.to_owned(), ignores_case: false };
    Ok((condition, rest))
}

/// Behind `[`: a name, perhaps a comparison with a value.
fn read_attribute(text: &str) -> Result<(Condition, &str), CssError> {
    let (attribute, rest) = read_name(text.trim_start())?;
    let attribute = attribute.to_ascii_lowercase();
    let rest = rest.trim_start();
    if let Some(rest) = rest.strip_prefix(']') {
        let condition =
            Condition { attribute, test: Test::Present, value: String::new(), ignores_case: false };
        return Ok((condition, rest));
    }
    let tests = [
        ("=", Test::Equal),
        ("~=", Test::Word),
        ("^=", Test::Prefix),
        ("$=", Test::Suffix),
        ("*=", Test::Substring),
    ];
    let read = tests.into_iter().find_map(|(mark, test)| Some((test, rest.strip_prefix(mark)?)));
    let (test, rest) = read.ok_or(CssError::Incomplete)?;
    let rest = rest.trim_start();
    let (value, rest) = match rest.chars().next() {
        Some(quote @ ('"' | '\'')) => rest[1..].split_once(quote).ok_or(CssError::Incomplete)?,
        _ => read_name(rest)?,
    };
    let rest = rest.trim_start();
    let folded = rest.strip_prefix(['i', 'I']).map(str::trim_start);
    let ignores_case = folded.is_some();
    let rest = folded.unwrap_or(rest).strip_prefix(']').ok_or(CssError::Incomplete)?;
    Ok((Condition { attribute, test, value: value.to_owned(), ignores_case }, rest))
}

fn read_name(text: &str) -> Result<(&str, &str), CssError> {
    let end = text.find(|c: char| !is_name(c)).unwrap_or(text.len());
    if end == 0 { Err(CssError::Incomplete) } else { Ok(text.split_at(end)) }
}

fn is_name(c: char) -> bool {
    c.is_alphanumeric() || c == '-' || c == '_'
}

impl fmt::Debug for Css {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Compounds of one selector: each has a bit.
const MOST_COMPOUNDS: usize = 64;
/// Elements open at one time; what lies deeper counts as if it stood side by side.
const DEEPEST: usize = 512;
