//! Filters that simple expressions know: `int`, `round`, `urlencode`, `json`.

use super::Flaw;
use super::argument::Argument;
use super::scalar::{Scalar, percent_encode};
use crate::nearest::nearest;

/// A filter with its arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Filter {
    /// To a whole number, towards zero.
    Int,
    /// To so many digits behind the point.
    Round(i32),
    /// Percent-encoded.
    Urlencode,
    /// As JSON: a text gets its quotes.
    Json,
}

/// The filter of that name.
pub(super) fn read(name: &str, args: &[Argument]) -> Result<Filter, Flaw> {
    let filter = match name {
        "int" => Filter::Int,
        "round" => Filter::Round(match args.first() {
            None => 0,
            Some(Argument::Whole(digits)) if (0..=15).contains(digits) => *digits as i32,
            Some(_) => {
                return Err(Flaw::new("`round` takes a number of digits", "from 0 to 15, like round(2)"));
            }
        }),
        "urlencode" => Filter::Urlencode,
        "json" => Filter::Json,
        other => {
            let known = ["int", "round", "urlencode", "json"];
            let meant = nearest(other, known).map(|meant| format!("did you mean `{meant}`? "));
            let help = format!("{}known here: {}", meant.unwrap_or_default(), known.join(", "));
            return Err(Flaw::new(format!("unknown filter `{other}`"), help));
        }
    };
    let most = usize::from(matches!(filter, Filter::Round(_)));
    if args.len() > most {
        return Err(Flaw::new(
            format!("`{name}` takes {most} arguments, not {}", args.len()),
            "leave them out",
        ));
    }
    Ok(filter)
}

impl Filter {
    pub(super) fn apply<'a>(self, value: Scalar<'a>) -> Result<Scalar<'a>, String> {
        Ok(match self {
            Self::Int => Scalar::Whole(whole(&value)?),
            Self::Round(digits) => {
                let factor = libm::pow(10.0, f64::from(digits));
                let rounded = libm::round(number(&value)? * factor) / factor;
                Scalar::Real(rounded)
            }
            Self::Urlencode => {
                let (mut text, mut out) = (String::new(), String::new());
                value.write(&mut text);
                percent_encode(&mut out, &text);
                Scalar::Text(out.into())
            }
            Self::Json => Scalar::Plain(value.json().into()),
        })
    }
}

fn whole(value: &Scalar<'_>) -> Result<i128, String> {
    match value {
        Scalar::Whole(whole) => Ok(*whole),
        Scalar::Text(text) | Scalar::Plain(text) => match text.trim().parse() {
            Ok(whole) => Ok(whole),
            Err(_) => Ok(number(value)? as i128),
        },
        Scalar::Real(real) => Ok(*real as i128),
    }
}

fn number(value: &Scalar<'_>) -> Result<f64, String> {
    match value {
        Scalar::Whole(whole) => Ok(*whole as f64),
        Scalar::Real(real) => Ok(*real),
        Scalar::Text(text) | Scalar::Plain(text) => text
            .trim()
            .parse()
            .map_err(|_| format!("`{}` is no number", text.chars().take(40).collect::<String>())),
    }
}
