//! The functions of templates: checked when the plan is read, prepared once, called for every request.

use std::sync::Arc;

use super::argument::Argument;
use super::distribution::Distribution;
use super::pattern::Pattern;
use super::scalar::{Scalar, of_row};
use super::words::Words;
use super::{Data, Flaw, Place, Resources};
use crate::data::Permutation;
use crate::draw::{Alias, Draws};
use crate::nearest::nearest;

/// A function with its arguments, ready to be called.
#[derive(Clone, Debug)]
pub(super) enum Call {
    Unique {
        scenario: u64,
        numbers: Permutation,
    },
    Pick(Arc<Data>),
    Weighted(Arc<Data>, Alias),
    /// A number from 1, by Zipf's law.
    Rank(Alias),
    Number(Distribution),
    Uuid,
    Pattern(Pattern),
    Words(Words),
    Date(Dates),
}

/// Days or moments between two others, and how they are written.
#[derive(Clone, Debug)]
pub(super) struct Dates {
    /// Seconds since 1970, both included.
    from: i64,
    to: i64,
    format: String,
}

/// What a call means, before data and place are known.
enum Meaning<'a> {
    Unique,
    Pick(&'a str),
    Weighted(&'a str, Option<&'a [f64]>),
    Zipf(&'a str, f64),
    Rank(i64, f64),
    Other(Call),
}

pub(super) fn exists(name: &str) -> bool {
    NAMES.contains(&name)
}

/// The names of all functions.
pub(super) const NAMES: [&str; 24] = [
    "city",
    "company",
    "country",
    "date",
    "email",
    "exponential",
    "first_name",
    "last_name",
    "lognormal",
    "name",
    "normal",
    "pareto",
    "phone",
    "pick",
    "regex",
    "sentence",
    "street",
    "uniform",
    "unique",
    "uuid",
    "weighted",
    "word",
    "words",
    "zipf",
];

/// What is wrong with a call.
pub(super) fn check(name: &str, args: &[Argument], data: &[String]) -> Result<(), Flaw> {
    match read(name, args)? {
        Meaning::Pick(table) | Meaning::Weighted(table, _) | Meaning::Zipf(table, _) => {
            if data.iter().any(|known| known == table) {
                return Ok(());
            }
            let meant = nearest(table, data.iter().map(String::as_str));
            let meant = meant.map(|meant| format!("did you mean `{meant}`? "));
            let known = if data.is_empty() { "write a [[data]]".to_owned() } else { data.join(", ") };
            Err(Flaw::new(
                format!("no data is named `{table}`"),
                format!("{}{known}", meant.unwrap_or_default()),
            ))
        }
        Meaning::Unique | Meaning::Rank(..) | Meaning::Other(_) => Ok(()),
    }
}

fn read<'a>(name: &str, args: &'a [Argument]) -> Result<Meaning<'a>, Flaw> {
    if let Some(read) = Distribution::read(name, args) {
        return read.map(|distribution| Meaning::Other(Call::Number(distribution)));
    }
    let wrong =
        |usage: &str| Flaw::new(format!("`{name}` cannot be called like that"), format!("write {usage}"));
    if let Some(words) = Words::read(name) {
        return if args.is_empty() {
            Ok(Meaning::Other(Call::Words(words)))
        } else {
            Err(wrong(&format!("{name}()")))
        };
    }
    match (name, args) {
        ("unique", []) => Ok(Meaning::Unique),
        ("unique", _) => Err(wrong("unique()")),
        ("uuid", []) => Ok(Meaning::Other(Call::Uuid)),
        ("uuid", _) => Err(wrong("uuid()")),
        ("pick", [Argument::Name(data)]) => Ok(Meaning::Pick(data)),
        ("pick", _) => Err(wrong("pick(DATA) with the name of a [[data]]")),
        ("weighted", [Argument::Name(data)]) => Ok(Meaning::Weighted(data, None)),
        ("weighted", [Argument::Name(data), Argument::List(weights)]) if are_weights(weights) => {
            Ok(Meaning::Weighted(data, Some(weights)))
        }
        ("weighted", _) => Err(wrong("weighted(DATA, [3, 1]) with a weight for each row, not all of them 0")),
        ("zipf", [Argument::Name(data)]) => Ok(Meaning::Zipf(data, 1.0)),
        ("zipf", [Argument::Name(data), s]) if is_exponent(s) => {
            Ok(Meaning::Zipf(data, s.number().unwrap_or(1.0)))
        }
        ("zipf", [Argument::Whole(n), s]) if (1..=RANKS_MAX).contains(n) && is_exponent(s) => {
            Ok(Meaning::Rank(*n, s.number().unwrap_or(1.0)))
        }
        ("zipf", _) => Err(wrong("zipf(DATA, 1.1), or zipf(1000, 1.1) for a number from 1 to 1000")),
        ("regex", [Argument::Text(pattern)]) => Ok(Meaning::Other(Call::Pattern(Pattern::read(pattern)?))),
        ("regex", _) => Err(wrong("regex(\"[A-Z]{2}[0-9]{4}\")")),
        ("words", [Argument::Whole(n)]) if (1..=WORDS_MAX).contains(n) => {
            Ok(Meaning::Other(Call::Words(Words::Several(*n as usize))))
        }
        ("words", _) => Err(wrong("words(5), at most 10000")),
        ("date", [Argument::Text(from), Argument::Text(to)]) => dates(from, to, "%Y-%m-%d"),
        ("date", [Argument::Text(from), Argument::Text(to), Argument::Text(format)]) => {
            dates(from, to, format)
        }
        ("date", _) => Err(wrong(DATE)),
        _ => {
            let meant = nearest(name, NAMES).map(|meant| format!("did you mean `{meant}`? "));
            let help = format!("{}known here: {}", meant.unwrap_or_default(), NAMES.join(", "));
            Err(Flaw::new(format!("no function is named `{name}`"), help))
        }
    }
}

pub(crate) fn are_weights(weights: &[f64]) -> bool {
    weights.iter().all(|weight| weight.is_finite() && *weight >= 0.0)
        && weights.iter().any(|weight| *weight > 0.0)
}

fn is_exponent(s: &Argument) -> bool {
    s.number().is_some_and(|s| (0.0..=100.0).contains(&s))
}

fn dates<'a>(from: &str, to: &str, format: &str) -> Result<Meaning<'a>, Flaw> {
    let moment = |text: &str| {
        let day =
            text.parse::<jiff::civil::Date>().ok().and_then(|day| day.to_zoned(jiff::tz::TimeZone::UTC).ok());
        day.map(|day| day.timestamp())
            .or_else(|| text.parse::<jiff::Timestamp>().ok())
            .map(|time| time.as_second())
    };
    let read = match (moment(from), moment(to)) {
        (Some(from), Some(to)) if from <= to => Some(Dates { from, to, format: format.to_owned() }),
        _ => None,
    };
    let usable = read.filter(|dates| dates.write(dates.from).is_some());
    usable
        .map(|dates| Meaning::Other(Call::Date(dates)))
        .ok_or_else(|| Flaw::new("`date` cannot be called like that", format!("write {DATE}")))
}

impl Dates {
    fn write(&self, second: i64) -> Option<String> {
        let zoned = jiff::Timestamp::from_second(second).ok()?.to_zoned(jiff::tz::TimeZone::UTC);
        jiff::fmt::strtime::format(&self.format, &zoned).ok()
    }
}

impl Call {
    /// Prepares a call that [`check`] finds right. The error names what the data does not have.
    pub(super) fn new(
        name: &str,
        args: &[Argument],
        place: &Place<'_>,
        resources: &Resources,
    ) -> Result<Self, String> {
        let data = |name: &str| {
            resources.data.get(name).cloned().ok_or_else(|| format!("no data is named `{name}`"))
        };
        Ok(match read(name, args).map_err(|flaw| format!("{}; {}", flaw.what, flaw.remedy))? {
            Meaning::Unique => Self::Unique {
                scenario: place.number as u64,
                numbers: Permutation::new(place.seed, "unique()", u64::MAX),
            },
            Meaning::Pick(table) => Self::Pick(data(table)?),
            Meaning::Weighted(table, weights) => {
                let data = data(table)?;
                let weights = weights.unwrap_or(&data.weights);
                if weights.len() != data.table.rows() {
                    return Err(format!(
                        "{} weights for {} rows of `{table}`",
                        weights.len(),
                        data.table.rows()
                    ));
                }
                let alias = Alias::new(weights);
                Self::Weighted(data, alias)
            }
            Meaning::Zipf(table, s) => {
                let data = data(table)?;
                let alias = Alias::zipf(data.table.rows(), s);
                Self::Weighted(data, alias)
            }
            Meaning::Rank(n, s) => Self::Rank(Alias::zipf(n as usize, s)),
            Meaning::Other(call) => call,
        })
    }

    /// The data it takes rows of.
    pub(super) fn data(&self) -> Option<&Data> {
        match self {
            Self::Pick(data) | Self::Weighted(data, _) => Some(data),
            _ => None,
        }
    }

    /// The row it draws, if it draws rows.
    pub(super) fn row(&self, draws: &mut Draws) -> Option<(&Arc<Data>, usize)> {
        match self {
            Self::Pick(data) => Some((data, draws.below(data.table.rows() as u64) as usize)),
            Self::Weighted(data, alias) => Some((data, alias.draw(draws))),
            _ => None,
        }
    }

    /// What comes of it for arrival `k`; a column of the row, if it is one.
    pub(super) fn value(&self, draws: &mut Draws, k: u64, column: Option<usize>) -> Scalar<'_> {
        match self {
            Self::Pick(data) | Self::Weighted(data, _) => {
                let row = self.row(draws).map_or(0, |(_, row)| row);
                of_row(&data.table, row, column)
            }
            Self::Unique { scenario, numbers } => Scalar::Text(token(*scenario, numbers.at(k)).into()),
            Self::Rank(alias) => Scalar::Whole(alias.draw(draws) as i128 + 1),
            Self::Number(distribution) => distribution.draw(draws),
            Self::Uuid => Scalar::Text(uuid(draws).into()),
            Self::Pattern(pattern) => Scalar::Text(pattern.draw(draws).into()),
            Self::Words(words) => Scalar::Text(words.draw(draws).into()),
            Self::Date(dates) => {
                let second = draws.integer(dates.from, dates.to);
                // The format was tried when the plan was read.
                Scalar::Text(dates.write(second).unwrap_or_default().into())
            }
        }
    }
}

/// 15 letters and digits, in the order of RFC 4648's extended hex: 2 that tell scenarios apart, 13 for the number.
fn token(scenario: u64, number: u64) -> String {
    let digit = |bits: u64| char::from(b"0123456789abcdefghijklmnopqrstuv"[(bits & 31) as usize]);
    let prefix = scenario.wrapping_add(number);
    let mut out = String::with_capacity(15);
    out.extend([digit(prefix >> 5), digit(prefix)]);
    out.extend((0..13).rev().map(|place| digit(number >> (5 * place))));
    out
}

/// A random UUID (RFC 9562, version 4).
fn uuid(draws: &mut Draws) -> String {
    let bits = u128::from(draws.bits()) << 64 | u128::from(draws.bits());
    let bits = bits & !(0xf << 76 | 0b11 << 62) | 4 << 76 | 0b10 << 62;
    let mut out = String::with_capacity(36);
    for place in (0..32).rev() {
        if [23, 19, 15, 11].contains(&place) {
            out.push('-');
        }
        out.push(char::from(b"0123456789abcdef"[(bits >> (4 * place) & 15) as usize]));
    }
    out
}

const DATE: &str =
    "date(\"2024-01-01\", \"2024-12-31\", \"%Y-%m-%d\"): the first, the last, and a format of strftime";
const WORDS_MAX: i64 = 10_000;
const RANKS_MAX: i64 = 10_000_000;
