//! Simple expressions: a name, a constant or a call with constants, behind it filters with constants.

use super::argument::Argument;

/// A simple expression.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Simple {
    pub(super) head: Head,
    pub(super) filters: Vec<(String, Vec<Argument>)>,
}

/// What the filters are put on.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Head {
    Constant(Argument),
    /// A name, and an attribute of it.
    Name(String, Option<String>),
    /// A call, and an attribute of what comes of it.
    Call(String, Vec<Argument>, Option<String>),
}

/// Reads an expression; `None` when it is not simple, or wrong.
pub(super) fn simple(source: &str) -> Option<Simple> {
    let mut rest = Rest(source.trim());
    let head = head(&mut rest)?;
    let mut filters = Vec::new();
    while rest.take("|") {
        let name = rest.name()?;
        let args = if rest.take("(") { arguments(&mut rest)? } else { vec![] };
        filters.push((name, args));
    }
    rest.0.is_empty().then_some(Simple { head, filters })
}

/// Whether it is a word of the language.
pub(super) fn is_word(name: &str) -> bool {
    WORDS.contains(&name)
}

fn head(rest: &mut Rest<'_>) -> Option<Head> {
    let Some(name) = rest.name() else { return constant(rest).map(Head::Constant) };
    if WORDS.contains(&name.as_str()) {
        return None;
    }
    let args = if rest.take("(") { Some(arguments(rest)?) } else { None };
    let attribute = if rest.take(".") { Some(rest.name()?) } else { None };
    Some(match args {
        Some(args) => Head::Call(name, args, attribute),
        None => Head::Name(name, attribute),
    })
}

/// Behind the opening bracket, up to the closing one.
fn arguments(rest: &mut Rest<'_>) -> Option<Vec<Argument>> {
    let mut args = Vec::new();
    if rest.take(")") {
        return Some(args);
    }
    loop {
        let arg = match rest.name() {
            Some(word) if WORDS.contains(&word.as_str()) => return None,
            Some(name) => Argument::Name(name),
            None => constant(rest)?,
        };
        args.push(arg);
        if rest.take(")") {
            return Some(args);
        }
        if !rest.take(",") {
            return None;
        }
    }
}

fn constant(rest: &mut Rest<'_>) -> Option<Argument> {
    if rest.take("[") {
        let mut list = Vec::new();
        while !rest.take("]") {
            list.push(rest.number()?.number()?);
            if !rest.take(",") && !rest.0.starts_with(']') {
                return None;
            }
        }
        return Some(Argument::List(list));
    }
    match rest.0.chars().next()? {
        quote @ ('"' | '\'') => rest.text(quote).map(Argument::Text),
        _ => rest.number(),
    }
}

/// What is not read yet; never begins with a space.
struct Rest<'a>(&'a str);

impl Rest<'_> {
    fn take(&mut self, token: &str) -> bool {
        let taken = self.0.strip_prefix(token).map(|rest| self.0 = rest.trim_start());
        taken.is_some()
    }

    fn cut(&mut self, end: usize) -> String {
        let (word, rest) = self.0.split_at(end);
        self.0 = rest.trim_start();
        word.to_owned()
    }

    fn name(&mut self) -> Option<String> {
        let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let end = self.0.find(|c| !is_part(c)).unwrap_or(self.0.len());
        let begins = self.0.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        begins.then(|| self.cut(end))
    }

    fn number(&mut self) -> Option<Argument> {
        let is_part = |c: char| c.is_ascii_alphanumeric() || c == '.' || c == '-';
        let end = self.0.find(|c| !is_part(c)).unwrap_or(self.0.len());
        let word = &self.0[..end];
        if !word.starts_with(|c: char| c.is_ascii_digit() || c == '-') {
            return None;
        }
        let number = match word.parse() {
            Ok(whole) => Argument::Whole(whole),
            Err(_) => Argument::Real(word.parse().ok().filter(|real: &f64| real.is_finite())?),
        };
        self.cut(end);
        Some(number)
    }

    /// A text in quotes. As in Python, a backslash before a letter without a meaning stays: patterns are full of them.
    fn text(&mut self, quote: char) -> Option<String> {
        let (mut text, mut chars) = (String::new(), self.0.char_indices().skip(1));
        while let Some((at, c)) = chars.next() {
            match c {
                c if c == quote => {
                    self.0 = self.0[at + c.len_utf8()..].trim_start();
                    return Some(text);
                }
                '\\' => match chars.next()?.1 {
                    'n' => text.push('\n'),
                    't' => text.push('\t'),
                    'r' => text.push('\r'),
                    same @ ('\\' | '"' | '\'') => text.push(same),
                    other => text.extend(['\\', other]),
                },
                c => text.push(c),
            }
        }
        None
    }
}

/// Words of the language: what holds them is not simple.
const WORDS: [&str; 12] =
    ["true", "false", "none", "True", "False", "None", "not", "and", "or", "in", "is", "if"];
