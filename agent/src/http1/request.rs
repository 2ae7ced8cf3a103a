//! The bytes of a request: everything that is the same for all arrivals is written once.

use common::plan::{Method, Target};
use common::script::Message;

/// A request whose constant part is built once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    bytes: Vec<u8>,
    /// Where the arrival's number belongs, when the target wants to know it.
    number_at: Option<usize>,
    is_head: bool,
}

impl Request {
    /// Writes a request that is the same for every arrival of `scenario`, but for the arrival's number.
    #[must_use]
    pub fn new(target: &Target, message: &Message, scenario: &str) -> Self {
        let mut bytes = Vec::new();
        let number_at = write(target, message, scenario, &mut bytes);
        Self { bytes, number_at, is_head: message.method == Method::Head }
    }

    /// The request of arrival `k`: written into `out`, which is cleared first, or, when no number is wanted, the
    /// prebuilt bytes themselves.
    pub fn bytes<'a>(&'a self, k: u64, out: &'a mut Vec<u8>) -> &'a [u8] {
        let Some(number_at) = self.number_at else { return &self.bytes };
        let (before, after) = self.bytes.split_at(number_at);
        out.clear();
        out.extend_from_slice(before);
        out.extend_from_slice(itoa::Buffer::new().format(k).as_bytes());
        out.extend_from_slice(after);
        out
    }

    /// Whether its answer has no body whatever the answer's head says.
    #[must_use]
    pub fn is_head(&self) -> bool {
        self.is_head
    }
}

/// Writes a request behind what is in `bytes`; returns where the arrival's number belongs, when the target wants to
/// know it. The plan's own `host` and `user-agent` win over ours.
fn write(target: &Target, message: &Message, scenario: &str, bytes: &mut Vec<u8>) -> Option<usize> {
    let url = &target.base_url;
    for part in [message.method.as_str(), " ", &url.path, &message.path, " HTTP/1.1\r\n"] {
        bytes.extend_from_slice(part.as_bytes());
    }
    let is_written = |name: &str| message.headers.iter().any(|(own, _)| own == name);
    if !is_written("host") {
        put(bytes, "host", &url.authority());
    }
    if !is_written("user-agent") {
        put(bytes, "user-agent", USER_AGENT);
    }
    for (name, value) in &message.headers {
        put(bytes, name, value);
    }
    let body = message.body.as_deref();
    // RFC 9110, 8.6: these methods say the length even of an empty body.
    let announces_body = matches!(message.method, Method::Post | Method::Put | Method::Patch);
    if body.is_some() || announces_body {
        put(bytes, "content-length", itoa::Buffer::new().format(body.map_or(0, <[u8]>::len)));
    }
    let number_at = target.identify.then(|| {
        put(bytes, "x-stampede-arrival", &format!("{scenario}:"));
        bytes.len() - CRLF.len()
    });
    bytes.extend_from_slice(CRLF);
    bytes.extend_from_slice(body.unwrap_or_default());
    number_at
}

fn put(bytes: &mut Vec<u8>, name: &str, value: &str) {
    bytes.extend_from_slice(name.as_bytes());
    bytes.extend_from_slice(b": ");
    bytes.extend_from_slice(value.as_bytes());
    bytes.extend_from_slice(CRLF);
}

const CRLF: &[u8] = b"\r\n";

const USER_AGENT: &str = concat!("stampede/", env!("CARGO_PKG_VERSION"));

#[cfg(test)]
mod tests {
    use super::*;
    use common::plan::Plan;
    use common::script::Script;

    /// The request of the only step of a plan.
    fn request(target: &str, step: &str) -> Request {
        let text = format!(
            "name = \"t\"\n[target]\n{target}\n[[scenario]]\nname = \"s\"\n\
             load.rate = [{{ at = \"1/s\", for = \"1s\" }}]\n[[scenario.step]]\nname = \"x\"\n{step}\n"
        );
        let plan = Plan::parse("plan.toml", &text).unwrap_or_else(|problems| panic!("{problems}"));
        let script = Script::compile(&plan);
        Request::new(&plan.target, script.fixed(0, 0).unwrap(), &plan.scenarios[0].name)
    }

    #[test]
    fn a_request_is_what_the_plan_says() {
        let agent = format!("user-agent: {USER_AGENT}\r\n");
        for (target, step, expected, why) in [
            (
                "base_url = \"http://127.0.0.1:8080/api\"",
                "path = \"/q?a=1\"",
                format!("GET /api/q?a=1 HTTP/1.1\r\nhost: 127.0.0.1:8080\r\n{agent}\r\n"),
                "prefix and path are joined",
            ),
            (
                "base_url = \"http://[::1]\"",
                "path = \"/\"\nmethod = \"HEAD\"",
                format!("HEAD / HTTP/1.1\r\nhost: [::1]\r\n{agent}\r\n"),
                "brackets round IPv6, no default port",
            ),
            (
                "base_url = \"http://a\"\nheaders = { accept = \"text/html\" }",
                "path = \"/\"\nmethod = \"POST\"\nbody = \"grün\"",
                format!(
                    "POST / HTTP/1.1\r\nhost: a\r\n{agent}accept: text/html\r\ncontent-length: 5\r\n\r\ngrün"
                ),
                "the length counts bytes",
            ),
            (
                "base_url = \"http://a\"",
                "path = \"/\"\nmethod = \"PUT\"",
                format!("PUT / HTTP/1.1\r\nhost: a\r\n{agent}content-length: 0\r\n\r\n"),
                "a PUT without a body says so",
            ),
            (
                "base_url = \"http://a\"",
                "path = \"/\"\nheaders = { host = \"b\", user-agent = \"c\" }",
                "GET / HTTP/1.1\r\nhost: b\r\nuser-agent: c\r\n\r\n".to_owned(),
                "the plan's host and user agent win",
            ),
            (
                "base_url = \"http://a\"\nidentify = true",
                "path = \"/\"\nmethod = \"POST\"\nbody = \"x\"",
                format!(
                    "POST / HTTP/1.1\r\nhost: a\r\n{agent}content-length: 1\r\nx-stampede-arrival: s:18446744073709551615\r\n\r\nx"
                ),
                "the arrival's number is patched in",
            ),
        ] {
            let request = request(target, step);
            let mut out = b"left over".to_vec();
            let text = String::from_utf8_lossy(request.bytes(u64::MAX, &mut out)).into_owned();
            assert_eq!(text, expected, "{why}");
            assert_eq!(request.is_head(), text.starts_with("HEAD"), "{why}");
        }
    }

    #[test]
    fn without_identify_nothing_is_copied() {
        let request = request("base_url = \"http://a\"\nidentify = false", "path = \"/\"");
        let mut out = b"untouched".to_vec();
        assert_eq!(request.bytes(1, &mut out), request.bytes);
        assert_eq!(out, b"untouched");
    }
}
