//! Templates that are more than values between literals, by minijinja.
//!
//! The functions are those of simple expressions. Which of a text's draws is meant follows from their order while it
//! is rendered, so the same arrival gets the same text everywhere.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Object, Rest};
use minijinja::{AutoEscape, Environment, Error, ErrorKind, State, UndefinedBehavior, Value};

use super::argument::Argument;
use super::function::{self, Call};
use super::quotes::Quotes;
use super::scalar::escape_behind;
use super::value::{json, of_row, of_scalar};
use super::{Data, Flaw, Names, NotRendered, PLAIN, Place, Resources, Scene, Vars, secret_value, unknown};
use crate::draw::Draws;
use crate::random::Random;
use crate::text::{Piece, Text};

/// A compiled text.
#[derive(Debug)]
pub(super) struct Jinja {
    environment: Environment<'static>,
    scenario: String,
    data: Arc<BTreeMap<String, Arc<Data>>>,
    secrets: Arc<Vec<String>>,
}

/// What functions know besides the scene.
struct Shared {
    seed: u64,
    scenario: String,
    number: usize,
    resources: Resources,
    /// Calls that were prepared, by function and arguments.
    calls: Mutex<HashMap<String, Arc<Call>>>,
}

/// The values of one rendering.
#[derive(Debug)]
struct Stage {
    scenario: String,
    k: u64,
    user: u64,
    iteration: u64,
    vars: Vars,
    whose: crate::data::Whose,
    data: Arc<BTreeMap<String, Arc<Data>>>,
    secrets: Arc<Vec<String>>,
    random: Random,
    /// How many values were drawn.
    drawn: AtomicU64,
}

/// Every flaw that can be seen without data: of syntax, names, and the calls that come up in a rendering.
pub(super) fn flaws(text: &Text, names: Names<'_>, json: bool) -> Vec<Flaw> {
    let mut environment = environment();
    let found = Arc::new(Mutex::new(Vec::new()));
    for name in function::NAMES {
        let (found, data) = (Arc::clone(&found), names.data.to_vec());
        environment.add_function(name, move |args: Rest<Value>| {
            let checked = arguments(&args, &data).and_then(|args| function::check(name, &args, &data));
            if let Err(flaw) = checked {
                found.lock().unwrap_or_else(PoisonError::into_inner).push(flaw);
            }
            Value::from(1)
        });
    }
    let source = source(text, names.data, json);
    let flaw = |error: &Error| {
        let what = error
            .detail()
            .map_or_else(|| error.kind().to_string(), |detail| format!("{}: {detail}", error.kind()));
        Flaw::new(what, "templates are written as in Jinja; `{{ \"{{\" }}` makes two braces")
    };
    let template = match environment.template_from_str(&source) {
        Ok(template) => template,
        Err(error) => return vec![flaw(&error)],
    };
    let mut flaws: Vec<Flaw> = template
        .undeclared_variables(false)
        .iter()
        .filter(|name| !name.starts_with('_') && !BUILTIN.contains(&name.as_str()) && !function::exists(name))
        .filter_map(|name| unknown(name, names))
        .collect();
    flaws.sort_by(|one, other| one.what.cmp(&other.what));
    // Numbers where there are some, so that a rendering comes far.
    let plain = PLAIN.into_iter().map(|name| (name.to_owned(), Value::from(1)));
    let others = names.data.iter().chain(names.variables).map(|name| (name.clone(), Value::from("1")));
    let values = Value::from_pairs(plain.chain(others));
    if let Err(error) = template.render(values)
        && matches!(
            error.kind(),
            ErrorKind::UnknownFilter | ErrorKind::UnknownTest | ErrorKind::UnknownFunction
        )
        && flaws.is_empty()
    {
        flaws.push(flaw(&error));
    }
    flaws.append(&mut found.lock().unwrap_or_else(PoisonError::into_inner));
    flaws
}

/// The names that a text asks for.
pub(super) fn names(text: &Text, data: &[String]) -> Vec<String> {
    let (environment, source) = (environment(), source(text, data, false));
    let template = environment.template_from_str(&source);
    template.map_or_else(|_| vec![], |template| template.undeclared_variables(false).into_iter().collect())
}

impl Jinja {
    pub(super) fn compile(text: &Text, place: &Place<'_>, resources: &Resources) -> Result<Self, String> {
        let mut environment = environment();
        let shared = Arc::new(Shared {
            seed: place.seed,
            scenario: place.scenario.to_owned(),
            number: place.number,
            resources: resources.clone(),
            calls: Mutex::default(),
        });
        for name in function::NAMES {
            let shared = Arc::clone(&shared);
            environment
                .add_function(name, move |state: &State, args: Rest<Value>| shared.call(name, state, &args));
        }
        let names: Vec<String> = resources.data.keys().cloned().collect();
        let source = source(text, &names, place.json);
        environment.add_template_owned("text", source).map_err(|error| error.to_string())?;
        let secrets =
            text.secrets().map(|secret| secret_value(secret, resources)).collect::<Result<_, _>>()?;
        Ok(Self {
            environment,
            scenario: place.scenario.to_owned(),
            data: Arc::new(resources.data.clone()),
            secrets: Arc::new(secrets),
        })
    }

    pub(super) fn render(
        &self,
        random: &Random,
        scene: &Scene<'_>,
        out: &mut String,
    ) -> Result<(), NotRendered> {
        let told = |error: Error| NotRendered(error.to_string());
        let stage = Stage {
            scenario: self.scenario.clone(),
            k: scene.identity.k,
            user: scene.identity.user,
            iteration: scene.identity.iteration,
            vars: scene.vars.clone(),
            whose: scene.whose,
            data: Arc::clone(&self.data),
            secrets: Arc::clone(&self.secrets),
            random: random.clone(),
            drawn: AtomicU64::new(0),
        };
        let template = self.environment.get_template("text").map_err(told)?;
        out.push_str(&template.render(Value::from_object(stage)).map_err(told)?);
        Ok(())
    }
}

impl Shared {
    fn call(&self, name: &str, state: &State<'_, '_>, args: &[Value]) -> Result<Value, Error> {
        let wrong = |why: String| Error::new(ErrorKind::InvalidOperation, why);
        let stage = state.lookup(STAGE).and_then(|value| value.downcast_object::<Stage>());
        let stage = stage.ok_or_else(|| wrong(format!("`{name}` cannot be called here")))?;
        let names: Vec<String> = self.resources.data.keys().cloned().collect();
        let args = arguments(args, &names).map_err(|flaw| wrong(flaw.what))?;
        let call = self.prepared(name, &args).map_err(wrong)?;
        let number = stage.drawn.fetch_add(1, Ordering::Relaxed);
        let mut draws = Draws::new(&stage.random, number, stage.k);
        Ok(match call.row(&mut draws) {
            Some((data, row)) => of_row(data, row),
            None => of_scalar(&call.value(&mut draws, stage.k, None)),
        })
    }

    fn prepared(&self, name: &str, args: &[Argument]) -> Result<Arc<Call>, String> {
        let key = format!("{name}{args:?}");
        let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(call) = calls.get(&key) {
            return Ok(Arc::clone(call));
        }
        let (seed, scenario, number) = (self.seed, self.scenario.as_str(), self.number);
        let place = Place { seed, scenario, number, step: 0, field: "", json: false };
        let call = Arc::new(Call::new(name, args, &place, &self.resources)?);
        // Arguments may be computed: then there is no end of them.
        if calls.len() < CALLS_MAX {
            calls.insert(key, Arc::clone(&call));
        }
        Ok(call)
    }
}

fn environment() -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_auto_escape_callback(|_| AutoEscape::None);
    environment.set_fuel(Some(FUEL));
    let mut syntax = SyntaxConfig::builder();
    environment.set_syntax(syntax.keep_trailing_newline(true).build().unwrap_or_default());
    environment.add_filter("_quoted", |text: String| {
        let mut text = text;
        escape_behind(&mut text, 0);
        text
    });
    environment.add_filter("urlencode", |text: String| {
        let mut out = String::new();
        super::scalar::percent_encode(&mut out, &text);
        out
    });
    environment.add_filter("json", |value: Value| json(&value));
    environment
}

/// The text as minijinja gets it: secrets by number, data by name, values between the quotes of JSON escaped.
fn source(text: &Text, data: &[String], json: bool) -> String {
    let code = |range: &std::ops::Range<usize>| name_tables(&text.written()[range.clone()], data);
    let is_raw =
        |piece: &Piece| matches!(piece, Piece::Tag(range) if text.written()[range.clone()].contains("raw"));
    let escapes = json && !text.pieces().iter().any(is_raw);
    let (mut out, mut quotes, mut secrets) = (String::new(), Quotes::default(), 0);
    for piece in text.pieces() {
        match piece {
            Piece::Literal(literal) => {
                quotes.pass(literal);
                out.push_str(literal);
            }
            Piece::Secret(_) => {
                write!(out, "{{{{ {SECRET}{secrets} }}}}").unwrap_or_default();
                secrets += 1;
            }
            Piece::Value(range) => {
                let code = code(range);
                let (open, inner) = code.strip_prefix('-').map_or(("", code.as_str()), |inner| ("-", inner));
                let (inner, close) = inner.strip_suffix('-').map_or((inner, ""), |inner| (inner, "-"));
                let quoted = if escapes && quotes.open { " | _quoted" } else { "" };
                write!(out, "{{{{{open} ({inner}){quoted} {close}}}}}").unwrap_or_default();
            }
            Piece::Tag(range) => out.push_str(&code(range)),
        }
    }
    out
}

/// Puts quotes round the names of data that functions take: alone, a name means a row.
fn name_tables(code: &str, data: &[String]) -> String {
    let (mut out, mut rest, mut quote) = (String::new(), code, None);
    while let Some(c) = rest.chars().next() {
        let is_call = quote.is_none() && !out.ends_with(|c: char| c.is_alphanumeric() || c == '_');
        let call =
            TABLE_FUNCTIONS.iter().find_map(|name| Some((name, rest.strip_prefix(name)?.strip_prefix('(')?)));
        if let Some((name, behind)) = call.filter(|_| is_call) {
            let behind = behind.trim_start();
            let end = behind.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(behind.len());
            let table = &behind[..end];
            let is_table = data.iter().any(|known| known == table);
            let mark = if is_table { "\"" } else { "" };
            write!(out, "{name}({mark}{table}{mark}").unwrap_or_default();
            rest = &behind[end..];
            continue;
        }
        match quote {
            Some(open) if c == open => quote = None,
            None if c == '"' || c == '\'' => quote = Some(c),
            _ => {}
        }
        out.push(c);
        rest = &rest[c.len_utf8()..];
    }
    out
}

fn arguments(values: &[Value], data: &[String]) -> Result<Vec<Argument>, Flaw> {
    let number = |value: &Value| f64::try_from(value.clone()).ok().filter(|number| number.is_finite());
    let argument = |value: &Value| {
        if let Some(text) = value.as_str() {
            let is_table = data.iter().any(|known| known == text);
            return Ok(if is_table {
                Argument::Name(text.to_owned())
            } else {
                Argument::Text(text.to_owned())
            });
        }
        if let Some(whole) = value.as_i64().filter(|_| value.is_integer()) {
            return Ok(Argument::Whole(whole));
        }
        if let Some(real) = number(value) {
            return Ok(Argument::Real(real));
        }
        let list = value.try_iter().ok().and_then(|items| items.map(|item| number(&item)).collect());
        list.map(Argument::List)
            .ok_or_else(|| Flaw::new("an argument that functions do not take", "texts and numbers"))
    };
    values.iter().map(argument).collect()
}

impl Object for Stage {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let name = key.as_str()?;
        if let Some(data) = self.data.get(name) {
            return data.deal.row(self.whose).map(|row| of_row(data, row));
        }
        match name {
            "arrival" => Some(self.k.into()),
            "user" => Some(self.user.into()),
            "iteration" => Some(self.iteration.into()),
            "scenario" => Some(self.scenario.as_str().into()),
            STAGE => Some(Value::from_dyn_object(Arc::clone(self))),
            _ => match name.strip_prefix(SECRET) {
                Some(number) => {
                    self.secrets.get(number.parse::<usize>().ok()?).map(|secret| secret.as_str().into())
                }
                None => self.vars.get(name).map(Value::from),
            },
        }
    }
}

/// Under these names the engine finds what no template may name.
const STAGE: &str = "_stage";
const SECRET: &str = "_secret";
const TABLE_FUNCTIONS: [&str; 3] = ["pick", "weighted", "zipf"];
/// What minijinja brings.
pub(super) const BUILTIN: [&str; 4] = ["range", "dict", "namespace", "debug"];
/// Steps of one rendering: a template that loops without end is stopped.
const FUEL: u64 = 1_000_000;
/// Prepared calls that are kept.
const CALLS_MAX: usize = 1_000;
