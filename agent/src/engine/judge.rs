//! What an answer is worth: its outcome, what is taken out of it, and what is shown of one that is not good.
//!
//! A step that asks for nothing but a status costs nothing here: its answers are not kept. Of others the header lines
//! and as much of the body as somebody looks at are; of an answer with a bad status its beginning.

use crate::decode::decode;
use crate::engine::ended::Answered;
use crate::http1::{Keep, Kept};
use common::answer::{Answer, Failed, Fields, Needs, Unreadable};
use common::outcome::Outcome;
use common::plan::{Plan, Step};
use std::cell::RefCell;
use std::time::Duration;

/// What is kept of the answers to one step.
#[derive(Clone, Copy, Debug)]
pub(super) struct Look {
    /// Nothing but the status is looked at.
    is_plain: bool,
    /// Bytes of a good answer's body that are kept.
    most: usize,
}

/// What became of an answer.
#[derive(Debug, Default)]
pub(super) struct Judged {
    /// `None`: good.
    pub(super) failed: Option<(Outcome, Failed)>,
    /// What was taken out of it, by name.
    pub(super) values: Vec<(String, String)>,
}

/// A failing exchange, for people: secrets that answers hold are left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exchange {
    /// What failed, in few words that are the same for every answer: `status 500`, `check max_time`, `extract id`.
    pub cause: String,
    /// What was found instead.
    pub found: String,
    /// The answer's status.
    pub status: u16,
    /// Its header lines, `name: value`.
    pub head: Vec<String>,
    /// The beginning of its body, as a text.
    pub body: String,
    /// Whether the body went on.
    pub is_cut: bool,
}

/// Boxes for answers that are kept, to be used again.
#[derive(Debug, Default)]
pub(super) struct Shelf {
    #[expect(
        clippy::vec_box,
        reason = "the boxes themselves are used again: a connection without one is small"
    )]
    spare: RefCell<Vec<Box<Kept>>>,
}

/// Watches an answer pass and keeps what its step looks at.
pub(super) struct Watch<'a> {
    pub(super) look: Look,
    pub(super) step: &'a Step,
    pub(super) shelf: &'a Shelf,
    /// Where it is kept: the connection's own place.
    pub(super) kept: &'a mut Option<Box<Kept>>,
}

impl Look {
    /// What the steps of a plan look at, in their order; cookies stand in header lines.
    pub(super) fn all(plan: &Plan) -> Vec<Self> {
        let look = |(scenario, step): (usize, usize)| {
            let scenario = &plan.scenarios[scenario];
            let look = Self::of(&scenario.steps[step]);
            Self { is_plain: look.is_plain && !scenario.cookies, ..look }
        };
        plan.steps().map(look).collect()
    }

    fn of(step: &Step) -> Self {
        let needs =
            step.extract.iter().fold(step.expect.needs(), |needs, extract| needs.and(extract.needs()));
        let most = if needs.body { MOST_BODY } else { MOST_SHOWN };
        Self { is_plain: step.expect.is_plain() && step.extract.is_empty() && needs == Needs::NOTHING, most }
    }

    /// How much of an answer with this status is kept; `None`: nothing.
    fn wants(self, step: &Step, status: u16) -> Option<usize> {
        match (step.expect.is_good(status), self.is_plain) {
            (true, true) => None,
            (true, false) => Some(self.most),
            (false, _) => Some(MOST_SHOWN),
        }
    }

    /// Judges an answer that took `took`.
    pub(super) fn judge(
        self,
        step: &Step,
        answered: &Answered,
        took: Duration,
        kept: Option<&Kept>,
    ) -> Judged {
        if !step.expect.is_good(answered.status) {
            let failed = Failed { check: format!("status {}", answered.status), found: String::new() };
            return Judged { failed: Some((Outcome::UnexpectedStatus, failed)), values: Vec::new() };
        }
        if self.is_plain {
            return Judged::default();
        }
        let (head, body): (&[u8], _) = match kept {
            Some(kept) if self.most == MOST_BODY && !kept.is_cut => {
                (&kept.head, decode(&kept.head, &kept.body, MOST_BODY))
            }
            Some(kept) => (&kept.head, Err(Unreadable::TooLong)),
            None => (&[], Err(Unreadable::TooLong)),
        };
        let body = body.as_deref().map_err(|why| *why);
        let answer = Answer::new(answered.status, head, body, answered.body_bytes, took);
        if let Err(failed) = step.expect.check(&answer) {
            let failed = Failed { check: format!("check {}", failed.check), ..failed };
            return Judged { failed: Some((Outcome::CheckFailed, failed)), values: Vec::new() };
        }
        let mut values = Vec::with_capacity(step.extract.len());
        for extract in &step.extract {
            let Some(value) = extract.value(&answer) else {
                let found = answer.body.err().map(|why| why.to_string()).unwrap_or_default();
                let failed = Failed { check: format!("extract {}", extract.name), found };
                return Judged { failed: Some((Outcome::ExtractFailed, failed)), values: Vec::new() };
            };
            values.push((extract.name.clone(), value));
        }
        Judged { failed: None, values }
    }
}

impl Judged {
    /// How the request ended.
    pub(super) fn outcome(&self) -> Outcome {
        self.failed.as_ref().map_or(Outcome::Ok, |(outcome, _)| *outcome)
    }
}

impl Exchange {
    /// What there is to show of an answer that failed.
    pub(super) fn new(failed: &Failed, status: u16, kept: Option<&Kept>) -> Self {
        let shown = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let mut exchange = Self {
            cause: failed.check.clone(),
            found: failed.found.clone(),
            status,
            head: Vec::new(),
            body: String::new(),
            is_cut: false,
        };
        let Some(kept) = kept else { return exchange };
        exchange.head =
            Fields::of(&kept.head).map(|(name, value)| redacted(&shown(name), &shown(value))).collect();
        // What cannot be unpacked, or not within bounds, is shown as it came.
        let plain = if kept.is_cut { None } else { decode(&kept.head, &kept.body, MOST_BODY).ok() };
        let body = plain.as_deref().unwrap_or(&kept.body);
        exchange.is_cut = kept.is_cut || body.len() > MOST_SHOWN;
        exchange.body = shown(&body[..body.len().min(MOST_SHOWN)]);
        exchange
    }
}

impl Shelf {
    /// A box that keeps up to `most` bytes of a body.
    fn take(&self, most: usize) -> Box<Kept> {
        let mut kept = self.spare.borrow_mut().pop().unwrap_or_default();
        kept.begin(most);
        kept
    }

    /// Takes a box back.
    pub(super) fn put(&self, kept: Option<Box<Kept>>) {
        let mut spare = self.spare.borrow_mut();
        if spare.len() < MOST_SPARE {
            spare.extend(kept);
        }
    }
}

impl Watch<'_> {
    /// Whether anything of an answer with this status is kept.
    pub(super) fn wants(&self, status: u16) -> bool {
        self.look.wants(self.step, status).is_some()
    }
}

impl Keep for Watch<'_> {
    fn head(&mut self, status: u16, lines: &[u8]) {
        if let Some(most) = self.look.wants(self.step, status) {
            let mut kept = self.shelf.take(most);
            kept.take_head(lines);
            *self.kept = Some(kept);
        }
    }

    fn body(&mut self, bytes: &[u8]) {
        if let Some(kept) = self.kept {
            kept.take_body(bytes);
        }
    }
}

/// A header line without what lets somebody in.
fn redacted(name: &str, value: &str) -> String {
    let lower = name.to_ascii_lowercase();
    let is_secret =
        ["auth", "token", "secret", "key", "session", "password"].iter().any(|part| lower.contains(part));
    match lower.as_str() {
        "set-cookie" => {
            let (cookie, attributes) = value.split_once(';').unwrap_or((value, ""));
            let name_of = cookie.split('=').next().unwrap_or_default();
            let more = if attributes.is_empty() { String::new() } else { format!(";{attributes}") };
            format!("{name}: {name_of}={REDACTED}{more}")
        }
        _ if is_secret => format!("{name}: {REDACTED}"),
        _ => format!("{name}: {value}"),
    }
}

/// What stands in place of a secret.
const REDACTED: &str = "[redacted]";
/// Bytes of a body that are looked at, as it comes and unpacked. What [`Unreadable::TooLong`] says.
const MOST_BODY: usize = 1 << 20;
/// Bytes of a body that are shown.
const MOST_SHOWN: usize = 4 << 10;
/// Boxes that wait for the next answer.
const MOST_SPARE: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http1::Reader;
    use common::time::RunTime;

    fn step(written: &str) -> Step {
        let text = format!(
            "name = \"t\"\n[target]\nbase_url = \"http://a\"\n[[scenario]]\nname = \"s\"\n\
             load.rate = [{{ at = \"1/s\", for = \"1s\" }}]\n[[scenario.step]]\npath = \"/\"\n{written}\n"
        );
        let plan = Plan::parse("plan.toml", &text).unwrap_or_else(|problems| panic!("{problems}"));
        plan.scenarios[0].steps[0].clone()
    }

    /// Reads an answer as a connection does and judges it.
    fn judge(step: &Step, text: &str) -> (Judged, Option<Box<Kept>>) {
        let (look, shelf, mut kept) = (Look::of(step), Shelf::default(), None);
        let mut watch = Watch { look, step, shelf: &shelf, kept: &mut kept };
        let mut reader = Reader::new();
        for piece in text.as_bytes().chunks(7) {
            reader.feed_keeping(piece, &mut watch).unwrap();
        }
        let body_bytes = text.split_once("\r\n\r\n").map_or(0, |(_, body)| body.len() as u64);
        let status = text[9..12].parse().unwrap();
        let answered = Answered { status, first_byte: RunTime::ZERO, body_bytes };
        (look.judge(step, &answered, Duration::from_millis(5), kept.as_deref()), kept)
    }

    fn answer(status: u16, head: &str, body: &str) -> String {
        format!("HTTP/1.1 {status} X\r\n{head}content-length: {}\r\n\r\n{body}", body.len())
    }

    #[test]
    fn an_answer_is_judged_by_all_that_its_step_asks() {
        let checks = step("expect = { contains = \"ok\" }\nextract = { id = { json = \"/id\" } }");
        for (text, outcome, cause, why) in [
            (answer(200, "", "{\"ok\": 1, \"id\": 7}"), Outcome::Ok, None, "good"),
            (answer(500, "", "ok"), Outcome::UnexpectedStatus, Some("status 500"), "the status comes first"),
            (answer(200, "", "{\"id\": 7}"), Outcome::CheckFailed, Some("check contains"), "then the checks"),
            (answer(200, "", "ok"), Outcome::ExtractFailed, Some("extract id"), "then what is taken out"),
        ] {
            let (judged, _) = judge(&checks, &text);
            assert_eq!(judged.outcome(), outcome, "{why}");
            assert_eq!(judged.failed.as_ref().map(|(_, failed)| &*failed.check), cause, "{why}");
            let expected: &[_] = if cause.is_none() { &[("id".to_owned(), "7".to_owned())] } else { &[] };
            assert_eq!(judged.values, expected, "{why}");
        }
        let slow = step("expect = { max_time = \"4ms\" }");
        assert_eq!(judge(&slow, &answer(200, "", "")).0.outcome(), Outcome::CheckFailed);
    }

    #[test]
    fn only_what_is_looked_at_is_kept() {
        let kept =
            |step: &Step, text: &str| judge(step, text).1.map(|kept| (kept.head.len(), kept.body.len()));
        let long = "x".repeat(2 << 20);
        let plain = step("");
        assert_eq!(kept(&plain, &answer(200, "", &long)), None, "a good answer without checks");
        assert_eq!(
            kept(&plain, &answer(500, "", &long)).unwrap().1,
            MOST_SHOWN,
            "the beginning of a bad one"
        );
        let header = step("expect = { headers = { a = \"b\" } }");
        assert_eq!(kept(&header, &answer(200, "", &long)).unwrap().1, MOST_SHOWN, "to show it if it fails");
        let body = step("expect = { contains = \"x\" }");
        assert_eq!(kept(&body, &answer(200, "", &long)).unwrap().1, MOST_BODY, "no more than the limit");
        let (judged, _) = judge(&body, &answer(200, "", &long));
        assert_eq!(judged.failed.unwrap().1.check, "check body", "which is told");
    }

    #[test]
    fn what_is_shown_of_an_exchange_holds_no_secrets() {
        let head = "Set-Cookie: sid=very-secret; Path=/\r\nX-Auth-Token: also\r\nserver: s\r\n";
        let (judged, kept) = judge(&step(""), &answer(503, head, &"y".repeat(5000)));
        let exchange = Exchange::new(&judged.failed.unwrap().1, 503, kept.as_deref());
        let expected = [
            "Set-Cookie: sid=[redacted]; Path=/",
            "X-Auth-Token: [redacted]",
            "server: s",
            "content-length: 5000",
        ];
        assert_eq!(exchange.head, expected);
        assert_eq!(
            (&*exchange.cause, exchange.body.len(), exchange.is_cut),
            ("status 503", MOST_SHOWN, true)
        );
    }
}
