//! What a plan's steps send: the request of (scenario, step, identity), the same whoever sends it.
//!
//! A step whose texts are all literal has one request for all arrivals, made once: [`Script::fixed`]. The others are
//! put together anew by [`Script::message`]. Both clients of the agent send a [`Message`].

use crate::plan::{Body, Method, Plan, Step};
use crate::text::Text;

/// A request, apart from where it goes and what the client adds by itself (host, content-length).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Message {
    /// Its method.
    pub method: Method,
    /// Path and query, from the first `/`; without the path of the target's base URL.
    pub path: String,
    /// Lower-case names and values that may stand in a head.
    pub headers: Vec<(String, String)>,
    /// What is sent behind the head; `None`: nothing, and nothing is said about it.
    pub body: Option<Vec<u8>>,
}

/// Who sends: everything that differs between the requests of a step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    /// The arrival's number.
    pub k: u64,
    /// The user's number; 0 where the load knows no users.
    pub user: u64,
    /// How many iterations the user began before this one; 0 where the load knows no users.
    pub iteration: u64,
}

/// What the steps of an iteration took from answers, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Vars {
    values: Vec<(String, String)>,
}

/// Why a request could not be put together; the iteration ends there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NotRendered(pub String);

/// The requests of a plan.
#[derive(Clone, Debug)]
pub struct Script {
    /// By scenario, by step.
    steps: Vec<Vec<Message>>,
}

impl Vars {
    /// The value under a name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.values.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    /// Keeps a value under a name.
    pub fn set(&mut self, name: &str, value: String) {
        match self.values.iter_mut().find(|(own, _)| own == name) {
            Some((_, own)) => *own = value,
            None => self.values.push((name.to_owned(), value)),
        }
    }

    /// Forgets everything: an iteration begins with nothing.
    pub fn clear(&mut self) {
        self.values.clear();
    }
}

impl Script {
    /// Makes everything once that is the same for all arrivals.
    #[must_use]
    pub fn compile(plan: &Plan) -> Self {
        let steps = |scenario: &crate::plan::Scenario| scenario.steps.iter().map(fixed).collect();
        Self { steps: plan.scenarios.iter().map(steps).collect() }
    }

    /// The request of a step that is the same for all arrivals; `None` for others.
    #[must_use]
    pub fn fixed(&self, scenario: usize, step: usize) -> Option<&Message> {
        self.steps.get(scenario)?.get(step)
    }

    /// Puts the request of a step together; `out` keeps its room.
    pub fn message(
        &self,
        (scenario, step): (usize, usize),
        _identity: &Identity,
        _vars: &Vars,
        out: &mut Message,
    ) -> Result<(), NotRendered> {
        let fixed = self.fixed(scenario, step).ok_or_else(|| NotRendered("no such step".to_owned()))?;
        out.clone_from(fixed);
        Ok(())
    }
}

fn fixed(step: &Step) -> Message {
    let text = |text: &Text| text.written().to_owned();
    let mut headers: Vec<(String, String)> =
        step.headers.iter().map(|(name, value)| (name.clone(), text(value))).collect();
    if let Some(media) = media_type(&step.body)
        && !headers.iter().any(|(name, _)| name == "content-type")
    {
        headers.push(("content-type".to_owned(), media.to_owned()));
    }
    let mut path = text(&step.path);
    for (name, value) in &step.query {
        path.push(if path.contains('?') { '&' } else { '?' });
        field(&mut path, name, value.written());
    }
    let body = match &step.body {
        Body::Text(body) | Body::Json(body) => Some(text(body).into_bytes()),
        Body::Form(fields) => {
            let mut body = String::new();
            for (name, value) in fields {
                if !body.is_empty() {
                    body.push('&');
                }
                field(&mut body, name, value.written());
            }
            Some(body.into_bytes())
        }
        Body::None | Body::Multipart(_) | Body::File(_) => None,
    };
    Message { method: step.method, path, headers, body }
}

/// What a body says of itself.
const fn media_type(body: &Body) -> Option<&'static str> {
    match body {
        Body::Json(_) => Some("application/json"),
        Body::Form(_) => Some("application/x-www-form-urlencoded"),
        Body::None | Body::Text(_) | Body::Multipart(_) | Body::File(_) => None,
    }
}

/// `name=value`, both encoded for a query or a form.
fn field(out: &mut String, name: &str, value: &str) {
    encode(out, name);
    out.push('=');
    encode(out, value);
}

/// Percent-encodes all but RFC 3986's unreserved characters.
fn encode(out: &mut String, text: &str) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push('%');
            for half in [byte >> 4, byte & 15] {
                out.push(char::from(b"0123456789ABCDEF"[usize::from(half)]));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(step: &str) -> Message {
        let text = format!(
            "name = \"t\"\n[target]\nbase_url = \"http://a\"\n[[scenario]]\nname = \"s\"\n\
             load.rate = [{{ at = \"1/s\", for = \"1s\" }}]\n[[scenario.step]]\nname = \"x\"\n{step}\n"
        );
        let plan = Plan::parse("plan.toml", &text).unwrap_or_else(|problems| panic!("{problems}"));
        let (script, mut message) = (Script::compile(&plan), Message::default());
        script.message((0, 0), &Identity::default(), &Vars::default(), &mut message).unwrap();
        message
    }

    #[test]
    fn a_literal_step_is_what_the_plan_says() {
        for (step, path, headers, body, why) in [
            ("path = \"/a?b=c\"", "/a?b=c", "", None, "nothing is added"),
            (
                "path = \"/\"\nquery = { q = \"a b&ü\", p = \"1\" }",
                "/?p=1&q=a%20b%26%C3%BC",
                "",
                None,
                "encoded",
            ),
            ("path = \"/?x\"\nquery.q = \"\"", "/?x&q=", "", None, "the path's own query stays"),
            (
                "path = \"/\"\nmethod = \"POST\"\njson = \"[1]\"",
                "/",
                "content-type: application/json",
                Some("[1]"),
                "JSON says what it is",
            ),
            (
                "path = \"/\"\nmethod = \"POST\"\njson = \"[1]\"\nheaders.Content-Type = \"a/b\"",
                "/",
                "content-type: a/b",
                Some("[1]"),
                "the plan's own word wins",
            ),
            (
                "path = \"/\"\nmethod = \"POST\"\nform = { a = \"1 2\", \"b c\" = \"~\" }",
                "/",
                "content-type: application/x-www-form-urlencoded",
                Some("a=1%202&b%20c=~"),
                "a form",
            ),
            ("path = \"/\"\nmethod = \"POST\"\nbody = \"\"", "/", "", Some(""), "an empty body is one"),
        ] {
            let message = message(step);
            let shown: Vec<_> =
                message.headers.iter().map(|(name, value)| format!("{name}: {value}")).collect();
            assert_eq!((message.path.as_str(), shown.join(", ")), (path, headers.to_owned()), "{why}");
            assert_eq!(message.body.as_deref(), body.map(str::as_bytes), "{why}");
        }
    }

    #[test]
    fn variables_are_kept_by_name() {
        let mut vars = Vars::default();
        vars.set("a", "1".to_owned());
        vars.set("a", "2".to_owned());
        assert_eq!((vars.get("a"), vars.get("b")), (Some("2"), None));
        vars.clear();
        assert_eq!(vars.get("a"), None);
    }
}
