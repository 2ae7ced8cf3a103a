//! What makes an answer good.

use std::time::Duration;

use serde_json::Value;

use super::json::equal;
use super::{Answer, JsonQuery, Needs, Pattern, shown};

/// What makes an answer good. Everything that is written must hold.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Expect {
    /// Good statuses, ascending; empty: every status below 400.
    pub status: Vec<u16>,
    /// From the first byte sent to the last one received, at most.
    pub max_time: Option<Duration>,
    /// Bytes of the body as it comes, at least.
    pub min_size: Option<u64>,
    /// Bytes of the body as it comes, at most.
    pub max_size: Option<u64>,
    /// Lower-case names, and what one of the header's lines must say.
    pub headers: Vec<(String, String)>,
    /// Texts that the body contains.
    pub contains: Vec<String>,
    /// What the body matches.
    pub matches: Option<Pattern>,
    /// Places in the body, and what must stand there.
    pub json: Vec<(JsonQuery, Value)>,
}

/// A check that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failed {
    /// Which one, in few words that are the same for every answer: `max_time`, `header content-type`, `json $.ok`.
    pub check: String,
    /// What was found instead, for people.
    pub found: String,
}

impl Expect {
    /// Whether an answer with this status is good.
    #[must_use]
    pub fn is_good(&self, status: u16) -> bool {
        if self.status.is_empty() { status < 400 } else { self.status.binary_search(&status).is_ok() }
    }

    /// What has to be kept of an answer to check it.
    #[must_use]
    pub fn needs(&self) -> Needs {
        let body = !self.contains.is_empty() || self.matches.is_some() || !self.json.is_empty();
        Needs { head: body || !self.headers.is_empty(), body }
    }

    /// Whether there is anything to check beside the status.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        self.max_time.is_none() && self.min_size.is_none() && self.max_size.is_none() && !self.needs().any()
    }

    /// Checks everything but the status.
    ///
    /// # Errors
    /// The first check that fails: cheap ones come first.
    pub fn check(&self, answer: &Answer<'_>) -> Result<(), Failed> {
        self.check_measures(answer)?;
        self.check_headers(answer)?;
        if !self.needs().body {
            return Ok(());
        }
        match answer.body {
            Ok(body) => self.check_body(answer, body),
            Err(why) => Err(Failed::new("body", why.to_string())),
        }
    }

    fn check_measures(&self, answer: &Answer<'_>) -> Result<(), Failed> {
        if self.max_time.is_some_and(|most| answer.time > most) {
            return Err(Failed::new("max_time", format!("{:?}", answer.time)));
        }
        if self.min_size.is_some_and(|least| answer.size < least) {
            return Err(Failed::new("min_size", format!("{} bytes", answer.size)));
        }
        if self.max_size.is_some_and(|most| answer.size > most) {
            return Err(Failed::new("max_size", format!("{} bytes", answer.size)));
        }
        Ok(())
    }

    fn check_headers(&self, answer: &Answer<'_>) -> Result<(), Failed> {
        for (name, value) in &self.headers {
            if !answer.fields().all(name).any(|found| found == value.as_bytes()) {
                let found = answer.fields().first(name).map_or("none".to_owned(), shown);
                return Err(Failed::new(format!("header {name}"), found));
            }
        }
        Ok(())
    }

    fn check_body(&self, answer: &Answer<'_>, body: &[u8]) -> Result<(), Failed> {
        for (n, text) in (1..).zip(&self.contains) {
            if !contains(body, text.as_bytes()) {
                let one = self.contains.len() == 1;
                let check = if one { "contains".to_owned() } else { format!("contains {n}") };
                return Err(Failed::new(check, shown(body)));
            }
        }
        if self.matches.as_ref().is_some_and(|pattern| !pattern.is_match(body)) {
            return Err(Failed::new("matches", shown(body)));
        }
        for (query, value) in &self.json {
            let found = answer.json().map(|document| query.find(document));
            if !matches!(found, Some(Some(found)) if equal(found, value)) {
                let found = match found {
                    None => format!("no JSON: {}", shown(body)),
                    Some(None) => "nothing there".to_owned(),
                    Some(Some(found)) => shown(found.to_string().as_bytes()),
                };
                return Err(Failed::new(format!("json {}", query.as_str()), found));
            }
        }
        Ok(())
    }
}

impl Failed {
    fn new(check: impl Into<String>, found: impl Into<String>) -> Self {
        Self { check: check.into(), found: found.into() }
    }
}

fn contains(body: &[u8], text: &[u8]) -> bool {
    memchr::memmem::find(body, text).is_some()
}
