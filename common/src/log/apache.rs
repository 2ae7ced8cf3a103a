//! Apache's `LogFormat`: directives like `%>s`, `%{Referer}i`, `%!200,304{User-agent}i`.

use super::Wrong;
use super::entry::Field;
use super::moment::{Form, pattern};
use super::walk::{Layout, Piece};

pub(super) fn compile(text: &str) -> Result<Layout, Wrong> {
    let text = bare(text);
    let (mut pieces, mut ends) = (Vec::new(), false);
    let mut rest = &text[..];
    while let Some(c) = rest.chars().next() {
        if c != '%' {
            pieces.extend(rest[..c.len_utf8()].bytes().map(Piece::Text));
            rest = &rest[c.len_utf8()..];
            continue;
        }
        if let Some(after) = rest.strip_prefix("%U%q") {
            pieces.push(Piece::Field(Field::Target));
            rest = after;
            continue;
        }
        let (directive, after) = Directive::read(&rest[1..])?;
        if directive.name == "%" {
            pieces.push(Piece::Text(b'%'));
        } else {
            directive.add(&mut pieces, &mut ends)?;
        }
        rest = after;
    }
    Layout::new(pieces, ends)
}

struct Directive<'a> {
    argument: Option<&'a str>,
    name: &'a str,
}

impl<'a> Directive<'a> {
    /// The directive behind a `%`, and the rest.
    fn read(text: &'a str) -> Result<(Self, &'a str), Wrong> {
        let text =
            text.trim_start_matches(|c: char| c.is_ascii_digit() || matches!(c, '!' | ',' | '<' | '>'));
        let (argument, text) = match text.strip_prefix('{') {
            Some(inner) => {
                let (argument, after) = inner
                    .split_once('}')
                    .ok_or_else(|| ("a `%{` without `}`".to_owned(), "close it: %{Referer}i".to_owned()))?;
                (Some(argument), after)
            }
            None => (None, text),
        };
        let text = text.trim_start_matches(['<', '>']);
        let len = if text.starts_with("^t") { 3 } else { text.chars().next().map_or(0, char::len_utf8) };
        let (name, after) =
            text.split_at_checked(len).filter(|(name, _)| !name.is_empty()).ok_or_else(|| {
                ("a `%` without a directive".to_owned(), "write %% for a percent sign".to_owned())
            })?;
        Ok((Self { argument, name }, after))
    }

    fn add(&self, pieces: &mut Vec<Piece>, ends: &mut bool) -> Result<(), Wrong> {
        let header = self.argument.unwrap_or_default().to_ascii_lowercase();
        let field = match self.name {
            "h" | "a" => Field::Client,
            "t" => return self.time(pieces, ends),
            "r" => Field::Request,
            "m" => Field::Method,
            "U" => Field::Path,
            "q" => Field::Query,
            "s" => Field::Status,
            "b" | "B" => Field::Bytes,
            "O" => Field::AllBytes,
            "D" => Field::Latency(1_000),
            "T" => Field::Latency(match &header[..] {
                "" | "s" => 1_000_000_000,
                "ms" => 1_000_000,
                "us" => 1_000,
                _ => return Err(unknown(&format!("%{{{header}}}T"))),
            }),
            "v" | "V" => Field::Host,
            "i" if header == "host" => Field::Host,
            "i" if header == "x-forwarded-for" => Field::Forwarded,
            "i" | "o" | "e" | "n" | "C" | "l" | "u" | "p" | "P" | "f" | "H" | "I" | "S" | "k" | "X" | "A"
            | "L" | "R" | "x" | "c" | "^ti" | "^to" => Field::Ignored,
            other => return Err(unknown(&format!("%{other}"))),
        };
        pieces.push(Piece::Field(field));
        Ok(())
    }

    fn time(&self, pieces: &mut Vec<Piece>, ends: &mut bool) -> Result<(), Wrong> {
        let Some(argument) = self.argument else {
            // The brackets belong to the directive.
            pieces.push(Piece::Text(b'['));
            pieces.push(Piece::Field(Field::Time(Form::Clf)));
            pieces.push(Piece::Text(b']'));
            return Ok(());
        };
        *ends |= argument.starts_with("end:");
        let argument = argument.trim_start_matches("begin:").trim_start_matches("end:");
        let form = match argument {
            "" => Form::Clf,
            "sec" => Form::Epoch(1),
            "msec" => Form::Epoch(1_000),
            "usec" => Form::Epoch(1_000_000),
            "msec_frac" => Form::Fraction(1_000),
            "usec_frac" => Form::Fraction(1_000_000),
            text => Form::Pattern(pattern(text).map_err(|directive| {
                let what = format!("a time with {directive} cannot be read");
                (what, "%Y %m %b %d %H %M %S %z %s %F %T can".to_owned())
            })?),
        };
        pieces.push(Piece::Field(Field::Time(form)));
        Ok(())
    }
}

fn unknown(directive: &str) -> Wrong {
    let help = "directives of mod_log_config, like %h %t %r %>s %b %D %{Referer}i";
    (format!("{directive} is no directive of LogFormat"), help.to_owned())
}

/// The format without `LogFormat "…" name` around it and without the quotes' backslashes.
fn bare(text: &str) -> String {
    let text = text.trim();
    let text = text.strip_prefix("LogFormat").map_or(text, str::trim);
    let inner = text.strip_prefix('"').and_then(|rest| rest.rfind('"').map(|end| &rest[..end]));
    // A format may well begin and end with a quote of its own: the configuration's has escaped ones inside.
    match inner {
        Some(inner) if inner.contains("\\\"") || !inner.contains('"') => inner,
        _ => text,
    }
    .replace("\\\"", "\"")
    .replace("\\t", "\t")
    .replace("\\\\", "\\")
}
