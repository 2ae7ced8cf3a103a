//! From text to plan: syntax, then shape, then meaning, and the problems of all three together.

use std::collections::HashSet;
use std::ops::Range;

use serde::Deserialize;
use toml::Spanned;
use toml::de::{DeTable, DeValue, Deserializer};

use super::check::check;
use super::problem::Fault;
use super::schema::schema;
use super::shape::{MOST_FAULTS, prune};
use super::{Plan, written};

/// The plan, or its faults, of which there is at least one.
pub(super) fn plan(text: &str) -> Result<Plan, Vec<Fault>> {
    if text.len() > MOST_BYTES {
        return Err(vec![Fault::new(0..0, "the plan is too large", "at most 512 KiB")]);
    }
    let (mut tree, errors) = DeTable::parse_recoverable(text);
    let lines = Lines::of(text);
    let syntax = Syntax::of(text, tree.get_ref(), &lines, errors.iter().map(syntax_fault).collect());
    if syntax.swallows_the_rest {
        return Err(syntax.faults);
    }
    let shape = prune(tree.get_mut(), &schema());
    let (plan, meaning) = match written::Plan::deserialize(Deserializer::from(tree)) {
        Ok(written) => check(&written),
        // Shape and types disagree on something: then at least the types say so.
        Err(error) => (None, vec![syntax_fault(&error)]),
    };
    // What stands in or around something misshapen is judged when its shape is right.
    let is_settled = |fault: &Fault| !shape.misfits.iter().any(|other| nested(&fault.span, &other.span));
    let mut faults: Vec<Fault> = meaning.into_iter().filter(is_settled).collect();
    faults.extend(shape.misfits);
    // After a syntax error, what follows may have landed somewhere else.
    if syntax.faults.is_empty() {
        faults.extend(shape.missing);
    }
    faults.retain(|fault| !syntax.lines.contains(&lines.of_place(fault.span.start)));
    faults.extend(syntax.faults);
    match plan {
        Some(plan) if faults.is_empty() => Ok(plan),
        None if faults.is_empty() => Err(vec![Fault::new(0..0, "the plan is incomplete", "")]),
        _ => Err(faults),
    }
}

/// The syntax errors worth telling: one makes others behind it.
struct Syntax {
    faults: Vec<Fault>,
    /// The lines on which they stand, from 0.
    lines: HashSet<usize>,
    /// Something was opened and never closed: nothing behind it can be trusted.
    swallows_the_rest: bool,
}

impl Syntax {
    fn of(text: &str, tree: &DeTable<'_>, lines: &Lines, mut faults: Vec<Fault>) -> Self {
        faults.sort_by_key(|fault| fault.span.start);
        let mut with_errors = HashSet::new();
        let at_end = faults.last().filter(|last| last.span.start >= text.trim_end().len()).cloned();
        faults.retain(|fault| with_errors.insert(lines.of_place(fault.span.start)));
        let swallows_the_rest = at_end.is_some() && faults.len() > 1;
        faults.truncate(MOST_FAULTS);
        if let Some(mut at_end) = at_end.filter(|_| swallows_the_rest) {
            // The parser notices at the end; the cure is where the bracket was opened.
            if let Some(opening) = last_opening(tree, &faults) {
                faults.retain(|fault| fault.span.start < opening);
                at_end.span = opening..opening + 1;
            } else {
                faults.truncate(1);
            }
            faults.push(at_end);
        }
        Self { faults, lines: with_errors, swallows_the_rest }
    }
}

/// The place of the last bracket that has one of the errors between itself and its end.
fn last_opening(tree: &DeTable<'_>, errors: &[Fault]) -> Option<usize> {
    let opening = |(_, value): (_, &Spanned<DeValue<'_>>)| {
        let span = value.span();
        match value.get_ref() {
            DeValue::Array(_) | DeValue::Table(_)
                if errors.iter().any(|error| span.contains(&error.span.start)) =>
            {
                Some(span.start)
            }
            DeValue::Table(inner) => last_opening(inner, errors),
            DeValue::Array(items) => {
                let tables = items.iter().filter_map(|item| item.get_ref().as_table());
                tables.filter_map(|inner| last_opening(inner, errors)).max()
            }
            _ => None,
        }
    };
    tree.iter().filter_map(opening).max()
}

fn syntax_fault(error: &toml::de::Error) -> Fault {
    let (message, help) = match error.message().split_once(", expected ") {
        // The parser names the grammar's rule; a newcomer who forgot quotes needs another word.
        Some((message @ "string values must be quoted", _)) => (message, "write it in quotes".to_owned()),
        Some((message, expected)) => (message, format!("expected {expected}")),
        None if error.message() == "duplicate key" => ("duplicate key", "keep one of them".to_owned()),
        None => (error.message(), String::new()),
    };
    Fault::new(error.span().unwrap_or_default(), message, help)
}

/// Whether one range lies within the other and they are not the same.
fn nested(one: &Range<usize>, other: &Range<usize>) -> bool {
    let within =
        |inner: &Range<usize>, outer: &Range<usize>| outer.start <= inner.start && inner.end <= outer.end;
    one != other && !one.is_empty() && !other.is_empty() && (within(one, other) || within(other, one))
}

/// Where the lines of a text end.
struct Lines {
    ends: Vec<usize>,
}

impl Lines {
    fn of(text: &str) -> Self {
        Self { ends: text.match_indices('\n').map(|(end, _)| end).collect() }
    }

    /// The line of a place, from 0.
    fn of_place(&self, place: usize) -> usize {
        self.ends.partition_point(|end| *end < place)
    }
}

/// Bytes of a plan: it travels to every agent in one message of at most 1 MiB.
const MOST_BYTES: usize = 512 * 1024;
