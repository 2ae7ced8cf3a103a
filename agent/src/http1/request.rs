//! The bytes of a request: everything that is the same for all arrivals is written once.

use common::plan::{Method, Target};
use common::script::Message;

/// A request whose constant part is built once.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Request {
    bytes: Vec<u8>,
    /// Where the arrival's number belongs, when the target wants to know it.
    number_at: Option<usize>,
    /// Where the head's last, empty line begins.
    head_end: usize,
    is_head: bool,
}

/// What a request says of its connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Stay {
    /// Nothing: it stays open, as HTTP/1.1 has it.
    #[default]
    Open,
    /// It is to be closed behind the answer.
    Close,
}

impl Request {
    /// Writes a request that is the same for every arrival of `scenario`, but for the arrival's number.
    #[must_use]
    pub fn new(target: &Target, message: &Message, scenario: &str, stay: Stay) -> Self {
        let mut request = Self { bytes: Vec::new(), number_at: None, head_end: 0, is_head: false };
        request.renew(target, message, scenario, stay);
        request
    }

    /// Becomes another request, in the same memory.
    pub fn renew(&mut self, target: &Target, message: &Message, scenario: &str, stay: Stay) {
        self.bytes.clear();
        let bytes = &mut self.bytes;
        head(target, message, bytes);
        if stay == Stay::Close {
            put(bytes, "connection", "close");
        }
        self.number_at = target.identify.then(|| {
            put(bytes, "x-stampede-arrival", &format!("{scenario}:"));
            bytes.len() - CRLF.len()
        });
        self.head_end = bytes.len();
        bytes.extend_from_slice(CRLF);
        bytes.extend_from_slice(message.body.as_deref().unwrap_or_default());
        self.is_head = message.method == Method::Head;
    }

    /// The request of arrival `k`, with cookies if there are any: written into `out`, which is cleared first, or, when
    /// neither is wanted, the prebuilt bytes themselves.
    pub fn bytes<'a>(&'a self, k: u64, cookies: Option<&str>, out: &'a mut Vec<u8>) -> &'a [u8] {
        if self.number_at.is_none() && cookies.is_none() {
            return &self.bytes;
        }
        out.clear();
        let number_at = self.number_at.unwrap_or(self.head_end);
        out.extend_from_slice(&self.bytes[..number_at]);
        if self.number_at.is_some() {
            out.extend_from_slice(itoa::Buffer::new().format(k).as_bytes());
        }
        out.extend_from_slice(&self.bytes[number_at..self.head_end]);
        if let Some(cookies) = cookies {
            put(out, "cookie", cookies);
        }
        out.extend_from_slice(&self.bytes[self.head_end..]);
        out
    }

    /// Whether its answer has no body whatever the answer's head says.
    #[must_use]
    pub fn is_head(&self) -> bool {
        self.is_head
    }
}

/// Writes the request line and the headers. The plan's own `host` and `user-agent` win over ours.
fn head(target: &Target, message: &Message, bytes: &mut Vec<u8>) {
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
    use common::script::{Resources, Script};

    /// The request of the only step of a plan.
    fn request(target: &str, step: &str) -> Request {
        let text = format!(
            "name = \"t\"\n[target]\n{target}\n[[scenario]]\nname = \"s\"\n\
             load.rate = [{{ at = \"1/s\", for = \"1s\" }}]\n[[scenario.step]]\nname = \"x\"\n{step}\n"
        );
        let plan = Plan::parse("plan.toml", &text).unwrap_or_else(|problems| panic!("{problems}"));
        let script = Script::compile(&plan, &Resources::default()).unwrap();
        Request::new(&plan.target, script.fixed(0, 0).unwrap(), &plan.scenarios[0].name, Stay::Open)
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
            let text = String::from_utf8_lossy(request.bytes(u64::MAX, None, &mut out)).into_owned();
            assert_eq!(text, expected, "{why}");
            assert_eq!(request.is_head(), text.starts_with("HEAD"), "{why}");
        }
    }

    #[test]
    fn without_identify_nothing_is_copied() {
        let request = request("base_url = \"http://a\"\nidentify = false", "path = \"/\"");
        let mut out = b"untouched".to_vec();
        assert_eq!(request.bytes(1, None, &mut out), request.bytes);
        assert_eq!(out, b"untouched");
    }

    #[test]
    fn cookies_and_a_farewell_stand_in_the_head() {
        let mut out = Vec::new();
        for (identify, number) in [(true, "x-stampede-arrival: s:7\r\n"), (false, "")] {
            let target = format!("base_url = \"http://a\"\nidentify = {identify}");
            let plain = request(&target, "path = \"/\"\nmethod = \"POST\"\nbody = \"b\"");
            let text = String::from_utf8_lossy(plain.bytes(7, Some("a=1; b=2"), &mut out)).into_owned();
            assert!(text.ends_with(&format!("\r\n{number}cookie: a=1; b=2\r\n\r\nb")), "{text}");
            assert_eq!(text.matches("\r\n\r\n").count(), 1, "{text}");
        }
        let plan = "name = \"t\"\n[target]\nbase_url = \"http://a\"\n[[scenario]]\nname = \"s\"\n\
                    load.rate = [{ at = \"1/s\", for = \"1s\" }]\n[[scenario.step]]\npath = \"/\"";
        let plan = Plan::parse("plan.toml", plan).unwrap();
        let request = Request::new(&plan.target, &Message::default(), "s", Stay::Close);
        let text = String::from_utf8_lossy(request.bytes(0, None, &mut out)).into_owned();
        assert!(text.ends_with("\r\nconnection: close\r\n\r\n"), "{text}");
    }
}
