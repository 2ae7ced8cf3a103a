//! The values that expressions have, and how they are written.

use std::borrow::Cow;
use std::fmt::Write;

use crate::data::{Kind, Table};

/// A value.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Scalar<'a> {
    Whole(i128),
    Real(f64),
    Text(Cow<'a, str>),
    /// JSON that is no text.
    Plain(Cow<'a, str>),
}

impl Scalar<'_> {
    /// Writes it behind what is in `out`.
    pub(super) fn write(&self, out: &mut String) {
        match self {
            Self::Whole(number) => whole(out, *number),
            Self::Real(number) => real(out, *number),
            Self::Text(text) | Self::Plain(text) => out.push_str(text),
        }
    }

    /// As JSON.
    pub(super) fn json(&self) -> String {
        let mut out = String::new();
        match self {
            Self::Text(text) => {
                out.push('"');
                out.push_str(text);
                escape_behind(&mut out, 1);
                out.push('"');
            }
            Self::Real(number) if !number.is_finite() => out.push_str("null"),
            other => other.write(&mut out),
        }
        out
    }
}

/// A whole number; most are small, and the general formatter is slow.
fn whole(out: &mut String, number: i128) {
    let Ok(mut rest) = u64::try_from(number) else {
        return write!(out, "{number}").unwrap_or_default();
    };
    let (mut digits, mut at) = ([0_u8; 20], 20);
    loop {
        at -= 1;
        digits[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    out.extend(digits[at..].iter().map(|digit| char::from(*digit)));
}

/// As Python and Jinja write it: a number that happens to be whole keeps its point.
fn real(out: &mut String, number: f64) {
    let written = if number == number.trunc() && number.abs() < 1e16 {
        write!(out, "{number:.1}")
    } else {
        write!(out, "{number}")
    };
    // Writing into a string cannot fail.
    written.unwrap_or_default();
}

/// A value of a row, or the whole row: its only value, or an object of its columns.
pub(super) fn of_row(table: &Table, row: usize, column: Option<usize>) -> Scalar<'_> {
    let cell = |column| match table.cell(row, column) {
        (text, Kind::Text) => Scalar::Text(text.into()),
        (text, Kind::Plain) => Scalar::Plain(text.into()),
    };
    if let Some(column) = column {
        return cell(column);
    }
    if table.columns().is_empty() {
        return cell(0);
    }
    let pair = |(column, name): (usize, &String)| {
        format!("{}: {}", Scalar::Text(name.into()).json(), cell(column).json())
    };
    let pairs: Vec<String> = table.columns().iter().enumerate().map(pair).collect();
    Scalar::Plain(format!("{{{}}}", pairs.join(", ")).into())
}

/// Escapes what stands in `out` from `from` on, so that it may stand between the quotes of a JSON text.
pub(super) fn escape_behind(out: &mut String, from: usize) {
    let needs = |byte: &u8| *byte < 0x20 || *byte == b'"' || *byte == b'\\';
    if !out.as_bytes()[from..].iter().any(needs) {
        return;
    }
    let raw = out.split_off(from);
    for c in raw.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c < ' ' => write!(out, "\\u{:04x}", c as u32).unwrap_or_default(),
            c => out.push(c),
        }
    }
}

/// Percent-encodes all but RFC 3986's unreserved characters.
pub(crate) fn percent_encode(out: &mut String, text: &str) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            percent(out, byte);
        }
    }
}

/// `%` and two digits.
pub(crate) fn percent(out: &mut String, byte: u8) {
    out.push('%');
    for half in [byte >> 4, byte & 15] {
        out.push(char::from(b"0123456789ABCDEF"[usize::from(half)]));
    }
}
