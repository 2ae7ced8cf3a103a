//! Failing exchanges that are kept to be looked at: of each series and cause the first few and a fair choice of all.
//!
//! ```text
//!   kept of a cause = the FIRST that were due first  ∪  the FAIR with the smallest rank(arrival)
//! ```
//!
//! The rank is a hash, so every arrival has the same chance to be among the fair ones, and both parts are the smallest
//! of an order that everybody knows: whatever is merged in whatever order and however often, the same are kept.

use crate::human::is_printable;
use crate::outcome::Outcome;
use crate::random::Random;
use crate::script::Message;
use crate::time::RunTime;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

/// A failing exchange. Texts are printable and without credentials.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Sample {
    /// The arrival's number.
    pub arrival: u64,
    /// When its request was to be sent.
    pub due: RunTime,
    /// Who sent it; empty until the controller writes it down.
    pub agent: String,
    /// What was wrong, where there is more to say than the outcome; may be empty.
    pub detail: String,
    /// Request line, headers, an empty line, the beginning of the body.
    pub request: String,
    /// Status line, headers, an empty line, the beginning of the body; empty when nothing came or nothing was kept.
    pub answer: String,
}

/// Why exchanges failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cause {
    /// How they ended.
    pub outcome: Outcome,
    /// The answers' status; 0: none came.
    pub status: u16,
    /// Which check failed, as [`check_number`] of its name; 0: none.
    pub check: u32,
}

/// The samples of one series. Adding is exact, commutative, associative and idempotent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Samples {
    /// At most [`CAUSES_MAX`]; the smallest.
    causes: BTreeMap<Cause, BTreeSet<Sample>>,
}

/// Says, without the exchanges themselves, whether another one would be among those kept of its series and cause: most
/// failures of a long run cost nothing more than this question.
#[derive(Clone, Debug, Default)]
pub struct Gate {
    causes: BTreeMap<(usize, Cause), Places>,
}

/// The first ones by due time and number, the fair ones by their hash.
type Places = (BTreeSet<(RunTime, u64)>, BTreeSet<u64>);

/// An exchange as it stands in memory.
#[derive(Clone, Copy, Debug)]
pub struct Exchange<'a> {
    /// What was sent.
    pub request: &'a Message,
    /// Head and body that came back, as far as they were kept.
    pub answer: Option<(&'a str, &'a str)>,
    /// What was wrong.
    pub detail: &'a str,
}

impl Sample {
    /// What is kept of an exchange; `redact` takes the values of secrets out of a text.
    #[must_use]
    pub fn of(
        exchange: &Exchange<'_>,
        (arrival, due): (u64, RunTime),
        redact: &dyn Fn(&str) -> String,
    ) -> Self {
        let Message { method, path, headers, body } = exchange.request;
        let mut request = format!("{} {path}\n", method.as_str());
        for (name, value) in headers {
            // Text has room for everything: writing to it does not fail.
            let _ = writeln!(request, "{name}: {}", if is_credential(name) { REDACTED } else { value });
        }
        let mut request = redact(&request);
        push_body(&mut request, body.as_deref().unwrap_or_default(), redact);
        let answer = exchange.answer.map_or_else(String::new, |(head, body)| {
            let mut answer = redact(&without_credentials(head));
            push_body(&mut answer, body.as_bytes(), redact);
            answer
        });
        let shown = |text: &str| printable(text, TEXT_MAX);
        let (request, answer) = (shown(&request), shown(&answer));
        let detail = printable(&redact(exchange.detail), DETAIL_MAX);
        Self { arrival, due, agent: String::new(), detail, request, answer }
    }

    /// A sample that came from a peer: its texts cut and made printable.
    #[must_use]
    pub fn checked(self) -> Self {
        let shown = |text: &str| printable(text, TEXT_MAX);
        Self {
            agent: printable(&self.agent, DETAIL_MAX),
            detail: printable(&self.detail, DETAIL_MAX),
            request: shown(&self.request),
            answer: shown(&self.answer),
            ..self
        }
    }

    /// No message carries it in more bytes.
    const fn bytes_max(&self) -> usize {
        64 + self.agent.len() + self.detail.len() + self.request.len() + self.answer.len()
    }
}

impl Samples {
    /// Keeps a sample, if it is one of those that are kept.
    pub fn keep(&mut self, cause: Cause, sample: Sample) {
        let own = self.causes.entry(cause).or_default();
        own.insert(sample);
        choose(own);
        if self.causes.len() > CAUSES_MAX {
            self.causes.pop_last();
        }
    }

    /// Adds those of another part of the run.
    pub fn add(&mut self, other: &Self) {
        for (cause, sample) in other.iter() {
            self.keep(cause, sample.clone());
        }
    }

    /// Every sample, by cause, in the order of due times.
    pub fn iter(&self) -> impl Iterator<Item = (Cause, &Sample)> {
        self.causes.iter().flat_map(|(cause, samples)| {
            let mut samples: Vec<&Sample> = samples.iter().collect();
            samples.sort_by_key(|sample| (sample.due, sample.arrival));
            samples.into_iter().map(|sample| (*cause, sample))
        })
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.causes.is_empty()
    }

    /// Writes down whose those are that are nobody's yet.
    pub fn sign(&mut self, agent: &str) {
        for samples in self.causes.values_mut() {
            if samples.iter().any(|sample| sample.agent.is_empty()) {
                let signed = |mut sample: Sample| {
                    if sample.agent.is_empty() {
                        agent.clone_into(&mut sample.agent);
                    }
                    sample
                };
                *samples = std::mem::take(samples).into_iter().map(signed).collect();
            }
        }
    }

    /// Takes out as many as fit into `left` bytes of a message, at least one.
    #[must_use]
    pub fn take_within(&mut self, left: &mut usize) -> Self {
        let mut taken = Self::default();
        while let Some(mut entry) = self.causes.first_entry() {
            let cause = *entry.key();
            let Some(sample) = entry.get_mut().pop_first() else {
                entry.remove();
                continue;
            };
            let bytes = sample.bytes_max();
            if bytes > *left && !taken.is_empty() {
                entry.get_mut().insert(sample);
                break;
            }
            *left = left.saturating_sub(bytes);
            taken.causes.entry(cause).or_default().insert(sample);
        }
        taken
    }
}

impl Gate {
    /// Whether the arrival would be kept; one that would is taken for kept.
    pub fn takes(&mut self, series: usize, cause: Cause, (arrival, due): (u64, RunTime)) -> bool {
        let known = self.causes.len();
        if known >= GATES_MAX && !self.causes.contains_key(&(series, cause)) {
            return false;
        }
        let (first, fair) = self.causes.entry((series, cause)).or_default();
        let enters_first = first.insert((due, arrival));
        if first.len() > FIRST {
            first.pop_last();
        }
        let rank = rank(arrival);
        let enters_fair = fair.insert(rank);
        if fair.len() > FAIR {
            fair.pop_last();
        }
        (enters_first && first.contains(&(due, arrival))) || (enters_fair && fair.contains(&rank))
    }
}

/// Leaves the first and the fair ones.
fn choose(samples: &mut BTreeSet<Sample>) {
    if samples.len() <= FIRST {
        return;
    }
    let mut by_due: Vec<(RunTime, u64)> = samples.iter().map(|sample| (sample.due, sample.arrival)).collect();
    by_due.sort_unstable();
    let mut by_rank: Vec<u64> = samples.iter().map(|sample| rank(sample.arrival)).collect();
    by_rank.sort_unstable();
    let (last_due, last_rank) = (by_due[FIRST - 1], by_rank[FAIR.min(by_rank.len()) - 1]);
    samples.retain(|sample| (sample.due, sample.arrival) <= last_due || rank(sample.arrival) <= last_rank);
}

/// Looks random, and is the same everywhere.
fn rank(arrival: u64) -> u64 {
    Random::new(0, "sample").draw(0, arrival)
}

/// A number for the check that a sample's detail names before its first `: `, so that two failing checks are two causes.
#[must_use]
pub fn check_number(outcome: Outcome, detail: &str) -> u32 {
    if !matches!(outcome, Outcome::CheckFailed | Outcome::ExtractFailed) {
        return 0;
    }
    let name = detail.split_once(": ").map_or(detail, |(name, _)| name);
    (Random::new(0, name).draw(0, 0) >> 32) as u32
}

/// Whether a header holds credentials by its name.
#[must_use]
pub fn is_credential(header: &str) -> bool {
    CREDENTIALS.iter().any(|name| header.trim().eq_ignore_ascii_case(name))
}

fn without_credentials(head: &str) -> String {
    let mut text = String::new();
    for line in head.lines().filter(|line| !line.is_empty()) {
        match line.split_once(':') {
            Some((name, _)) if is_credential(name) => {
                let _ = writeln!(text, "{name}: {REDACTED}");
            }
            _ => {
                let _ = writeln!(text, "{line}");
            }
        }
    }
    text
}

fn push_body(text: &mut String, body: &[u8], redact: &dyn Fn(&str) -> String) {
    if body.is_empty() {
        return;
    }
    // A secret that is cut in two would not be found any more: it is looked for in the whole.
    let whole = redact(&String::from_utf8_lossy(body));
    let mut end = whole.len().min(BODY_MAX);
    while !whole.is_char_boundary(end) {
        end -= 1;
    }
    let _ = write!(text, "\n{}", &whole[..end]);
    if end < whole.len() {
        let _ = write!(text, "\n[{} bytes more]", whole.len() - end);
    }
}

/// What may stand on a terminal: line ends stay, everything else that is not printable is shown by its number. What
/// came out of it comes out again as it is.
fn printable(text: &str, most: usize) -> String {
    let mut shown = String::new();
    for c in text.chars().filter(|c| *c != '\r') {
        let before = shown.len();
        if c == '\n' || is_printable(c) {
            shown.push(c);
        } else {
            let _ = write!(shown, "\\u{{{:x}}}", u32::from(c));
        }
        if shown.len() > most {
            shown.truncate(before);
            shown.push('…');
            break;
        }
    }
    shown
}

/// So many of a cause are kept that were due first …
pub const FIRST: usize = 5;
/// … and so many of all, whichever have the smallest ranks.
pub const FAIR: usize = 20;
/// Causes of a series of which samples are kept.
pub const CAUSES_MAX: usize = 12;
/// Bytes of a body that are kept.
pub const BODY_MAX: usize = 4 << 10;
/// Bytes of a request or an answer with its head.
const TEXT_MAX: usize = 8 << 10;
const DETAIL_MAX: usize = 500;
/// Series and causes of which an engine thread keeps samples.
const GATES_MAX: usize = 1_000;
const REDACTED: &str = "[redacted]";
const CREDENTIALS: [&str; 7] = [
    "authorization",
    "cookie",
    "proxy-authorization",
    "set-cookie",
    "x-api-key",
    "x-auth-token",
    "x-csrf-token",
];

#[cfg(test)]
mod tests;
