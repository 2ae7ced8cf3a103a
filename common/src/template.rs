//! Templates: texts that differ from request to request, compiled once.
//!
//! Most templates only put values between literals (`{{ zipf(hosts, 1.1) }}`, `{{ users.name | json }}`). They are
//! compiled to a list of pieces that write straight into the request. Everything else of Jinja (arithmetic,
//! conditions, loops) is left to minijinja, with the same functions and the same values; a text is one or the other.
//!
//! Everything random is drawn from (seed, place of the text in the plan, place in the text, number of the arrival),
//! never from who renders it.

mod identity;
mod argument;
mod parse;
mod quotes;
mod distribution;
mod pattern;
mod words;
mod function;
mod filter;
mod scalar;
mod value;
mod jinja;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::data::{Deal, Table, Whose};
use crate::draw::Draws;
use crate::nearest::nearest;
use crate::random::Random;
use crate::text::{Piece, Secret, Text};
use function::Call;
pub(crate) use function::are_weights;
pub use identity::{Identity, NotRendered, Vars};
use parse::{Head, Simple};
use quotes::Quotes;
use scalar::Scalar;
pub(crate) use scalar::{percent, percent_encode};

/// The names that a text may use besides functions.
#[derive(Clone, Copy, Debug)]
pub struct Names<'a> {
    /// Of data.
    pub data: &'a [String],
    /// Of variables that steps of the same scenario extract.
    pub variables: &'a [String],
}

/// What is wrong with a text, and what would be right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flaw {
    /// What is wrong.
    pub what: String,
    /// What would be right.
    pub remedy: String,
}

/// A table under its name, and how its rows are dealt.
#[derive(Debug)]
pub struct Data {
    /// Its name in the plan.
    pub name: String,
    /// Its rows.
    pub table: Table,
    /// Which row is whose.
    pub deal: Deal,
    /// One for each row, or none.
    pub weights: Vec<f64>,
}

/// What values are made of; the same for every text of a plan.
#[derive(Clone, Debug, Default)]
pub struct Resources {
    /// By name.
    pub data: BTreeMap<String, Arc<Data>>,
    /// The files of the plan, by the path as written.
    pub files: BTreeMap<String, Arc<[u8]>>,
    /// The values of secrets.
    pub secrets: BTreeMap<Secret, String>,
}

/// Where a text stands.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// The plan's seed.
    pub seed: u64,
    /// The scenario's name.
    pub scenario: &'a str,
    /// The scenario's number.
    pub number: usize,
    /// The step's number.
    pub step: usize,
    /// Which text of the step it is.
    pub field: &'a str,
    /// Whether it is JSON: what is put between its quotes is escaped.
    pub json: bool,
}

/// For whom a text is rendered.
#[derive(Clone, Copy, Debug)]
pub struct Scene<'a> {
    /// Who sends.
    pub identity: Identity,
    /// Whose rows are taken.
    pub whose: Whose,
    /// What earlier steps extracted.
    pub vars: &'a Vars,
}

/// A text that can be rendered.
#[derive(Clone, Debug)]
pub struct Template {
    random: Random,
    form: Form,
}

#[derive(Clone, Debug)]
enum Form {
    Pieces(Vec<Part>),
    Jinja(Arc<jinja::Jinja>),
}

#[derive(Clone, Debug)]
enum Part {
    Literal(String),
    Value { value: Value, filters: Vec<filter::Filter>, quoted: bool },
}

/// Where a value comes from.
#[derive(Clone, Debug)]
enum Value {
    Arrival,
    User,
    Iteration,
    Constant(Scalar<'static>),
    Variable(String),
    Row(Arc<Data>, Option<usize>),
    Call(Box<Call>, Option<usize>),
}

/// Whether data cannot have this name because it means something else.
#[must_use]
pub fn is_taken(name: &str) -> bool {
    PLAIN.contains(&name) || function::exists(name) || parse::is_word(name) || jinja::BUILTIN.contains(&name)
}

/// Every flaw of a text that can be seen without data and secrets.
#[must_use]
pub fn flaws(text: &Text, names: Names<'_>, json: bool) -> Vec<Flaw> {
    if !text.has_template() {
        return vec![];
    }
    match pieces(text) {
        Some(simple) => simple.iter().filter_map(|(source, simple)| flaw(source, simple, names)).collect(),
        None => jinja::flaws(text, names, json),
    }
}

/// The data of which a text takes the row of its arrival.
#[must_use]
pub fn rows_of(text: &Text, data: &[String]) -> Vec<String> {
    let is_data = |name: &&String| data.contains(name);
    match pieces(text) {
        _ if !text.has_template() => vec![],
        Some(simple) => {
            let name = |(_, simple): &(&str, Simple)| match &simple.head {
                Head::Name(name, _) => Some(name.clone()),
                Head::Constant(_) | Head::Call(..) => None,
            };
            simple.iter().filter_map(name).filter(|name| is_data(&name)).collect()
        }
        None => jinja::names(text, data).into_iter().filter(|name| is_data(&name)).collect(),
    }
}

/// The values of a text with their sources, when all of them are simple.
fn pieces(text: &Text) -> Option<Vec<(&str, Simple)>> {
    let read = |piece: &Piece| match piece {
        Piece::Literal(_) | Piece::Secret(_) => None,
        Piece::Value(range) => {
            let source = &text.written()[range.clone()];
            Some(parse::simple(source).map(|simple| (source, simple)))
        }
        Piece::Tag(_) => Some(None),
    };
    text.pieces().iter().filter_map(read).collect()
}

fn flaw(source: &str, simple: &Simple, names: Names<'_>) -> Option<Flaw> {
    let found = match &simple.head {
        Head::Constant(_) => None,
        Head::Name(name, _) => unknown(name, names),
        Head::Call(name, args, _) => function::check(name, args, names.data).err(),
    };
    let found =
        found.or_else(|| simple.filters.iter().find_map(|(name, args)| filter::read(name, args).err()));
    found.map(|flaw| flaw.inside(source))
}

/// What is wrong with a name that is not called.
fn unknown(name: &str, names: Names<'_>) -> Option<Flaw> {
    let known = || {
        let own = PLAIN.into_iter().chain(names.data.iter().map(String::as_str));
        own.chain(names.variables.iter().map(String::as_str))
    };
    if known().any(|known| known == name) {
        return None;
    }
    let remedy = if function::exists(name) {
        format!("call it: `{name}(…)`")
    } else {
        let meant = nearest(name, known()).map(|meant| format!("did you mean `{meant}`? "));
        format!("{}known here: {}", meant.unwrap_or_default(), known().collect::<Vec<_>>().join(", "))
    };
    Some(Flaw { what: format!("nothing is named `{name}`"), remedy })
}

impl Template {
    /// Compiles a text of which [`flaws`] knows none. The error names what the resources do not have.
    pub fn compile(text: &Text, place: &Place<'_>, resources: &Resources) -> Result<Self, String> {
        let Place { seed, scenario, step, field, .. } = place;
        let random = Random::new(*seed, &format!("text {scenario} {step} {field}"));
        let form = match pieces(text) {
            Some(simple) => Form::Pieces(parts(text, simple, place, resources)?),
            None => Form::Jinja(Arc::new(jinja::Jinja::compile(text, place, resources)?)),
        };
        Ok(Self { random, form })
    }

    /// The text, when it is the same for all.
    #[must_use]
    pub fn constant(&self) -> Option<String> {
        let Form::Pieces(parts) = &self.form else { return None };
        parts.iter().map(Part::literal).collect()
    }

    /// Writes the text behind what is in `out`.
    pub fn render(&self, scene: &Scene<'_>, out: &mut String) -> Result<(), NotRendered> {
        match &self.form {
            Form::Pieces(parts) => {
                for (part, number) in parts.iter().zip(0..) {
                    self.part(part, number, scene, out)?;
                }
                Ok(())
            }
            Form::Jinja(jinja) => jinja.render(&self.random, scene, out),
        }
    }

    fn part(&self, part: &Part, number: u64, scene: &Scene<'_>, out: &mut String) -> Result<(), NotRendered> {
        let Part::Value { value, filters, quoted } = part else {
            if let Part::Literal(literal) = part {
                out.push_str(literal);
            }
            return Ok(());
        };
        let from = out.len();
        let mut scalar = self.value(value, number, scene)?;
        for filter in filters {
            scalar = filter.apply(scalar).map_err(NotRendered)?;
        }
        scalar.write(out);
        if *quoted {
            scalar::escape_behind(out, from);
        }
        Ok(())
    }

    fn value<'a>(&self, value: &'a Value, number: u64, scene: &Scene<'a>) -> Result<Scalar<'a>, NotRendered> {
        Ok(match value {
            Value::Arrival => Scalar::Whole(scene.identity.k.into()),
            Value::User => Scalar::Whole(scene.identity.user.into()),
            Value::Iteration => Scalar::Whole(scene.identity.iteration.into()),
            Value::Constant(constant) => constant.clone(),
            Value::Variable(name) => {
                let value =
                    scene.vars.get(name).ok_or_else(|| NotRendered(format!("`{name}` was not extracted")))?;
                Scalar::Text(value.into())
            }
            Value::Row(data, column) => {
                let row = data.deal.row(scene.whose).ok_or_else(|| used_up(data))?;
                scalar::of_row(&data.table, row, *column)
            }
            Value::Call(call, column) => {
                let mut draws = Draws::new(&self.random, number, scene.identity.k);
                call.value(&mut draws, scene.identity.k, *column)
            }
        })
    }
}

fn used_up(data: &Data) -> NotRendered {
    NotRendered(format!("every row of `{}` is used", data.name))
}

fn parts(
    text: &Text,
    simple: Vec<(&str, Simple)>,
    place: &Place<'_>,
    resources: &Resources,
) -> Result<Vec<Part>, String> {
    let (mut simple, mut parts, mut quotes) = (simple.into_iter(), Vec::new(), Quotes::default());
    for piece in text.pieces() {
        let part = match piece {
            Piece::Literal(literal) => {
                quotes.pass(literal);
                Part::Literal(literal.clone())
            }
            Piece::Secret(secret) => Part::Literal(secret_value(secret, resources)?),
            Piece::Value(_) | Piece::Tag(_) => {
                let Some((source, simple)) = simple.next() else { continue };
                let value = value(&simple, place, resources);
                let value = value.map_err(|why| format!("in `{{{{{source}}}}}`: {why}"))?;
                let read =
                    |(name, args): &(String, Vec<_>)| filter::read(name, args).map_err(|flaw| flaw.what);
                let filters = simple.filters.iter().map(read).collect::<Result<_, _>>()?;
                Part::Value { value, filters, quoted: place.json && quotes.open }
            }
        };
        parts.push(part);
    }
    Ok(parts)
}

fn secret_value(secret: &Secret, resources: &Resources) -> Result<String, String> {
    resources.secrets.get(secret).cloned().ok_or_else(|| format!("the secret {secret} is missing"))
}

fn value(simple: &Simple, place: &Place<'_>, resources: &Resources) -> Result<Value, String> {
    match &simple.head {
        Head::Constant(constant) => Ok(Value::Constant(constant.scalar())),
        Head::Name(name, column) => match (name.as_str(), resources.data.get(name)) {
            (_, Some(data)) => {
                let column = column.as_deref().map(|column| column_of(data, column)).transpose()?;
                Ok(Value::Row(Arc::clone(data), column))
            }
            ("arrival", None) => Ok(Value::Arrival),
            ("user", None) => Ok(Value::User),
            ("iteration", None) => Ok(Value::Iteration),
            ("scenario", None) => Ok(Value::Constant(Scalar::Text(place.scenario.to_owned().into()))),
            (name, None) => Ok(Value::Variable(name.to_owned())),
        },
        Head::Call(name, args, column) => {
            let call = Call::new(name, args, place, resources)?;
            let column = match (column, call.data()) {
                (None, _) => None,
                (Some(column), Some(data)) => Some(column_of(data, column)?),
                (Some(column), None) => return Err(format!("what `{name}` makes has no `{column}`")),
            };
            Ok(Value::Call(Box::new(call), column))
        }
    }
}

fn column_of(data: &Data, column: &str) -> Result<usize, String> {
    data.table.column(column).ok_or_else(|| {
        let columns = data.table.columns();
        let meant = nearest(column, columns.iter().map(String::as_str))
            .map(|meant| format!("did you mean `{meant}`? "));
        let known =
            if columns.is_empty() { "its rows are single values".to_owned() } else { columns.join(", ") };
        format!("`{}` has no column `{column}`: {}it has {known}", data.name, meant.unwrap_or_default())
    })
}

impl Part {
    fn literal(&self) -> Option<&str> {
        if let Self::Literal(literal) = self { Some(literal) } else { None }
    }
}

impl Flaw {
    fn new(what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { what: what.into(), remedy: remedy.into() }
    }

    fn inside(self, source: &str) -> Self {
        Self { what: format!("in `{{{{{source}}}}}`: {}", self.what), ..self }
    }
}

/// Values that every text has.
const PLAIN: [&str; 4] = ["arrival", "user", "iteration", "scenario"];

#[cfg(test)]
mod tests;
