//! Loads that are taken from a log: what is read, what of it is sent, and when.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use toml::Spanned;

use super::faults::Faults;
use super::problem::quoted;
use super::step::{Inherited, step};
use super::{Step, written};
use crate::log::{Format, Keys};
use crate::nearest::nearest;
use crate::rate::Rate;
use crate::tape::Tape;

mod filter;

pub use filter::{Filter, LeftOut};

/// Arrivals taken from a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplayLoad {
    /// The files: a path that may hold `*`, `?` and `[…]`.
    pub log: String,
    /// How their lines are read.
    pub format: Format,
    /// When entries are due.
    pub pace: Pace,
    /// How long it lasts: a shorter log is repeated. `None`: once through the log.
    pub duration: Option<Duration>,
    /// What of the log is sent.
    pub filter: Filter,
    /// Whether the host of the log is sent instead of the target's.
    pub keep_host: bool,
    /// Under which names entries are reported, most frequent first; the rest under [`OTHER`]. The index pass writes it.
    pub series: Vec<String>,
    /// The log, indexed.
    pub tape: Reel,
}

/// When the entries of a log are due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// With the distances of the log, divided by a speed in thousandths.
    Original {
        /// 1000: as fast as it was.
        speed_milli: u64,
    },
    /// So many per second, in the order of the log.
    Rate(Rate),
}

/// The tape of a log: its hash, and the tape itself once somebody has attached it.
#[derive(Debug, Clone, Default)]
pub struct Reel {
    /// SHA-256 of the file.
    pub hash: Option<[u8; 32]>,
    /// The file, opened.
    pub tape: Option<Arc<Tape>>,
    /// Where the file is, on the machine that attached it.
    pub path: String,
}

impl PartialEq for Reel {
    fn eq(&self, other: &Self) -> bool {
        self.hash == other.hash
    }
}

impl Eq for Reel {}

impl Reel {
    /// Bytes of the file; 0 as long as nobody has attached it.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.tape.as_ref().map_or(0, |tape| tape.bytes())
    }

    /// The hash as it stands in a plan.
    #[must_use]
    pub fn hex(hash: &[u8; 32]) -> String {
        hash.iter()
            .flat_map(|byte| [byte >> 4, byte & 15])
            .filter_map(|n| char::from_digit(n.into(), 16))
            .collect()
    }
}

impl ReplayLoad {
    /// How long the load lasts; nothing without its tape, unless the plan says so.
    #[must_use]
    pub fn duration(&self) -> Duration {
        let Some(tape) = &self.tape.tape else { return self.duration.unwrap_or_default() };
        let once = match self.pace {
            // The last entry is due just before the end.
            Pace::Original { speed_milli } => {
                (u128::from(tape.span()) * 1_000).div_ceil(speed_milli.into()) + 1
            }
            // Rounded down, so that not one more is due.
            Pace::Rate(rate) => {
                u128::from(tape.entries()) * 1_000_000_000_000 / u128::from(rate.milli().max(1))
            }
        };
        let once = Duration::from_nanos(u64::try_from(once).unwrap_or(u64::MAX));
        self.duration.unwrap_or(once).min(super::load::LONGEST_RUN)
    }
}

/// A step for every series: what an entry of the log is counted under.
pub(super) fn steps(load: &ReplayLoad, inherited: &Inherited<'_>, faults: &mut Faults) -> Option<Vec<Step>> {
    let path = Some(Spanned::new(0..0, "/".to_owned()));
    let one = step(&written::Step { path, ..written::Step::default() }, inherited, faults)?;
    let named = |name: &str| Step { name: name.to_owned(), ..one.clone() };
    Some(load.series.iter().map(String::as_str).chain([OTHER]).map(named).collect())
}

/// The load of a written one.
pub(super) fn read(written: &Spanned<written::Replay>, faults: &mut Faults) -> Option<ReplayLoad> {
    let span = written.span();
    let written = written.get_ref();
    let log = written.log.as_ref().and_then(|log| {
        let path = Some(log.get_ref().clone()).filter(|path| !path.trim().is_empty());
        faults.take("log", log.span(), path.ok_or(("empty", "the path of a log, like \"access.log.gz\"")))
    });
    let format = format(written, faults);
    let pace = pace(written, faults);
    let duration = match &written.duration {
        None => Some(None),
        Some(_) => {
            let most = super::load::LONGEST_RUN;
            faults.duration("for", written.duration.as_ref(), Duration::ZERO, most).map(Some)
        }
    };
    if let (Some(format), Some(Pace::Original { .. })) = (&format, pace)
        && !format.has_time()
    {
        faults.add(span, "a log without times has no timing of its own", "write at = \"100/s\"");
        return None;
    }
    let filter = filter::read(written, faults);
    let hash = written.tape.as_ref().map(|tape| {
        let hash = unhex(tape.get_ref()).ok_or(("no SHA-256", "leave it out: the controller writes it"));
        faults.take("tape", tape.span(), hash)
    });
    Some(ReplayLoad {
        log: log?,
        format: format?,
        pace: pace?,
        duration: duration?,
        filter: filter?,
        keep_host: written.keep_host.unwrap_or_default(),
        series: written.series.clone().unwrap_or_default(),
        tape: Reel { hash: hash.map_or(Some(None), |hash| hash.map(Some))?, ..Reel::default() },
    })
}

fn format(written: &written::Replay, faults: &mut Faults) -> Option<Format> {
    let tables = [("json", &written.json), ("csv", &written.csv)];
    let mut tables = tables.into_iter().filter_map(|(key, table)| Some((key, table.as_ref()?)));
    match (&written.format, tables.next(), tables.next()) {
        (Some(_), Some((key, table)), _) | (None, Some(_), Some((key, table))) => {
            let help = "one of `format`, `json` and `csv` says how lines are read";
            faults.add(table.span(), format!("`{key}` beside another format"), help);
            None
        }
        (None, Some((key, table)), None) => {
            let keys = keys(key, table, faults)?;
            let read = if key == "json" { Format::json(&keys) } else { Format::csv(&keys) };
            faults.take(key, table.span(), read)
        }
        (None, None, _) => Format::preset(DEFAULT_FORMAT),
        (Some(text), None, _) => {
            let (span, text) = (text.span(), text.get_ref());
            let read = if text.contains('$') {
                Format::nginx(text)
            } else if text.contains('%') {
                Format::apache(text)
            } else {
                let meant = nearest(text, PRESETS);
                let meant = meant.map(|name| format!("did you mean {}? ", quoted(name))).unwrap_or_default();
                let help = format!("{meant}{FORMATS}");
                Format::preset(text).ok_or((format!("no format is named {}", quoted(text)), help))
            };
            faults.take("format", span, read)
        }
    }
}

fn keys(name: &str, table: &Spanned<BTreeMap<String, Spanned<String>>>, faults: &mut Faults) -> Option<Keys> {
    let mut keys = Keys::default();
    let mut fine = true;
    for (key, value) in table.get_ref() {
        let place = match &key[..] {
            "time" => &mut keys.time,
            "client" => &mut keys.client,
            "request" => &mut keys.request,
            "method" => &mut keys.method,
            "path" => &mut keys.path,
            "query" => &mut keys.query,
            "host" => &mut keys.host,
            "status" => &mut keys.status,
            "bytes" => &mut keys.bytes,
            "latency" => &mut keys.latency,
            "latency_unit" => &mut keys.latency_unit,
            "body" => &mut keys.body,
            other => {
                faults.add(value.span(), format!("`{name}` knows no {}", quoted(other)), KEYED);
                fine = false;
                continue;
            }
        };
        *place = Some(value.get_ref().clone());
    }
    fine.then_some(keys)
}

fn pace(written: &written::Replay, faults: &mut Faults) -> Option<Pace> {
    let original = match &written.at {
        None => true,
        Some(at) => at.get_ref() == "original",
    };
    if !original {
        let at = written.at.as_ref()?;
        if let Some(speed) = &written.speed {
            let help = "leave it out, or write at = \"original\"";
            faults.add(speed.span(), "`speed` has no meaning beside a rate", help);
        }
        let rate = at.get_ref().parse::<Rate>().map_err(|error| (error.to_string(), AT_FORMS));
        let rate = faults.take("at", at.span(), rate)?;
        let some = if rate == Rate::ZERO { Err(("a rate of nothing", AT_FORMS)) } else { Ok(rate) };
        return faults.take("at", at.span(), some).map(Pace::Rate);
    }
    let speed_milli = match &written.speed {
        None => 1_000,
        Some(speed) => {
            let read = read_speed(speed.get_ref());
            faults.take("speed", speed.span(), read.ok_or(("no speed", "0.01x to 10000x, like \"2x\"")))?
        }
    };
    Some(Pace::Original { speed_milli })
}

/// `2x`, `0.5x` in thousandths.
fn read_speed(text: &str) -> Option<u64> {
    let (whole, part) = text.strip_suffix('x')?.split_once('.').unwrap_or((text.strip_suffix('x')?, ""));
    let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || part.len() > 3 || whole.len() > 5 || !is_digits(whole) || !is_digits(part) {
        return None;
    }
    let milli = whole.parse::<u64>().ok()? * 1_000 + format!("{part:0<3}").parse::<u64>().ok()?;
    (10..=10_000_000).contains(&milli).then_some(milli)
}

fn unhex(text: &str) -> Option<[u8; 32]> {
    let mut hash = [0; 32];
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    for (byte, digits) in hash.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        let digit = |digit: u8| char::from(digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        *byte = digit(digits[0])? << 4 | digit(digits[1])?;
    }
    Some(hash)
}

/// The series of everything that has none of its own.
pub const OTHER: &str = "other";
const DEFAULT_FORMAT: &str = "combined";
const PRESETS: [&str; 5] = ["common", "combined", "vhost", "nginx", "alb"];
const FORMATS: &str =
    "common, combined, vhost, nginx, alb, or the text of Apache's LogFormat or nginx's log_format";
const KEYED: &str = "time, client, request, method, path, query, host, status, bytes, latency, latency_unit and body \
                     name a key of the log";
const AT_FORMS: &str = "write \"original\", or a rate like \"100/s\"";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn speeds_are_factors() {
        for (text, expected) in [
            ("1x", Some(1_000)),
            ("0.5x", Some(500)),
            ("12.345x", Some(12_345)),
            ("2", None),
            ("x", None),
            ("0x", None),
            ("-1x", None),
            ("1.2345x", None),
        ] {
            assert_eq!(read_speed(text), expected, "{text}");
        }
    }
}
