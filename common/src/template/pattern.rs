//! Texts that match a regular expression.

use regex_syntax::hir::{Class, Hir, HirKind};

use super::Flaw;
use crate::draw::Draws;

/// A pattern by which texts are made.
#[derive(Clone, Debug)]
pub(super) struct Pattern {
    node: Node,
}

#[derive(Clone, Debug)]
enum Node {
    Literal(String),
    /// Ranges of characters, and how many they are together.
    Class(Vec<(char, char)>, u64),
    Repeat(Box<Node>, u32, u32),
    Concat(Vec<Node>),
    Either(Vec<Node>),
}

impl Pattern {
    /// Reads a regular expression.
    pub(super) fn read(pattern: &str) -> Result<Self, Flaw> {
        let hir = regex_syntax::parse(pattern).map_err(|error| {
            let what = match &error {
                regex_syntax::Error::Parse(error) => error.kind().to_string(),
                regex_syntax::Error::Translate(error) => error.kind().to_string(),
                other => other.to_string(),
            };
            Flaw::new(format!("`regex`: {what}"), "like regex(\"[A-Z]{2}[0-9]{4}\")")
        })?;
        let node = node(&hir)?;
        if node.longest() > LONGEST {
            return Err(Flaw::new("`regex` can make a text longer than 64 KiB", "repeat less"));
        }
        Ok(Self { node })
    }

    pub(super) fn draw(&self, draws: &mut Draws) -> String {
        let mut out = String::new();
        self.node.write(draws, &mut out);
        out
    }
}

fn node(hir: &Hir) -> Result<Node, Flaw> {
    let all = |nodes: &[Hir]| nodes.iter().map(node).collect::<Result<Vec<_>, _>>();
    Ok(match hir.kind() {
        HirKind::Empty => Node::Literal(String::new()),
        HirKind::Literal(literal) => Node::Literal(String::from_utf8_lossy(&literal.0).into_owned()),
        HirKind::Class(Class::Unicode(class)) => {
            let ranges: Vec<(char, char)> = class.iter().map(|range| (range.start(), range.end())).collect();
            self::class(ranges)?
        }
        HirKind::Class(Class::Bytes(class)) => {
            let range =
                |range: &regex_syntax::hir::ClassBytesRange| (range.start().into(), range.end().into());
            self::class(class.iter().map(range).collect())?
        }
        // What stands between fits into the text by itself.
        HirKind::Look(look) if look.as_char().is_ascii() && !format!("{look:?}").starts_with("Word") => {
            Node::Literal(String::new())
        }
        HirKind::Look(_) => {
            return Err(Flaw::new("`regex`: borders of words cannot be made", "leave out \\b"));
        }
        HirKind::Repetition(repetition) => {
            let most = repetition.max.unwrap_or(repetition.min.saturating_add(MORE));
            Node::Repeat(Box::new(node(&repetition.sub)?), repetition.min, most)
        }
        HirKind::Capture(capture) => node(&capture.sub)?,
        HirKind::Concat(nodes) => Node::Concat(all(nodes)?),
        HirKind::Alternation(nodes) => Node::Either(all(nodes)?),
    })
}

/// Of all of Unicode (`.`, `\w`, `[^a]`) only what a keyboard has is taken.
fn class(ranges: Vec<(char, char)>) -> Result<Node, Flaw> {
    let cut = |(from, to): &(char, char)| {
        let (from, to) = ((*from).max(' '), (*to).min('~'));
        (from <= to).then_some((from, to))
    };
    let printable: Vec<(char, char)> = ranges.iter().filter_map(cut).collect();
    let ranges = if printable.is_empty() { ranges } else { printable };
    let count = ranges.iter().map(|(from, to)| u64::from(*to) - u64::from(*from) + 1).sum();
    if count == 0 {
        return Err(Flaw::new("`regex`: a class without characters", "like [a-z]"));
    }
    Ok(Node::Class(ranges, count))
}

impl Node {
    fn longest(&self) -> u64 {
        match self {
            Self::Literal(literal) => literal.len() as u64,
            Self::Class(..) => 4,
            Self::Repeat(node, _, most) => node.longest().saturating_mul(u64::from(*most)),
            Self::Concat(nodes) => nodes.iter().map(Self::longest).fold(0, u64::saturating_add),
            Self::Either(nodes) => nodes.iter().map(Self::longest).max().unwrap_or(0),
        }
    }

    fn write(&self, draws: &mut Draws, out: &mut String) {
        match self {
            Self::Literal(literal) => out.push_str(literal),
            Self::Class(ranges, count) => {
                let mut at = draws.below(*count);
                for (from, to) in ranges {
                    let size = u64::from(*to) - u64::from(*from) + 1;
                    if at < size {
                        // The gap of the surrogates lies between ranges, never inside one.
                        out.push(char::from_u32(*from as u32 + at as u32).unwrap_or(*from));
                        return;
                    }
                    at -= size;
                }
            }
            Self::Repeat(node, least, most) => {
                for _ in 0..draws.integer((*least).into(), (*most).into()) {
                    node.write(draws, out);
                }
            }
            Self::Concat(nodes) => nodes.iter().for_each(|node| node.write(draws, out)),
            Self::Either(nodes) => nodes[draws.below(nodes.len() as u64) as usize].write(draws, out),
        }
    }
}

/// What `*`, `+` and `{n,}` repeat beyond their least at most.
const MORE: u32 = 10;
/// Bytes.
const LONGEST: u64 = 64 * 1024;
