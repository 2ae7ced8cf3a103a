//! What a request asks for: method and path become a [`Target`], arguments checked.

use hyper::{Method, StatusCode};
use std::time::Duration;

/// The name under which a request is counted; its paths are one template.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Route {
    Root,
    Random,
    Delay,
    Bytes,
    TestGet,
    Tests,
    Index,
    Dashboard,
    Other,
}

/// What is to be done for a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ask {
    Greeting,
    Random,
    Delay(Duration),
    Bytes(u64),
    /// A body of random size up to this.
    BytesUpTo(u64),
    ListTests,
    AddTest,
    Index,
    QueryDashboard,
    /// Nothing: the answer is this status and this reason.
    Refuse(StatusCode, &'static str),
}

/// Requests about the service itself: never counted, recorded or stalled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Control {
    Stats,
    ResetStats,
    FlushRecord,
    Health,
}

/// What a request is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    Load(Route, Ask),
    Control(Control),
}

impl Target {
    pub(crate) fn new(method: &Method, path: &str) -> Self {
        if let Some(control) = control(method, path) {
            return Self::Control(control);
        }
        let (route, argument) = route(path);
        // The connection leaves the body out of an answer to HEAD.
        let asked = if *method == Method::HEAD { &Method::GET } else { method };
        let ask = match (route, asked) {
            (Route::Other, _) => Ask::Refuse(StatusCode::NOT_FOUND, "no such path\n"),
            (Route::Root, &Method::GET) => Ask::Greeting,
            (Route::Random, &Method::GET) => Ask::Random,
            (Route::Delay, &Method::GET) => bounded(argument, DELAY_MS_MAX)
                .map_or(DELAY_REFUSED, |ms| Ask::Delay(Duration::from_millis(ms))),
            (Route::Bytes, &Method::GET) => bounded(argument, BYTES_MAX).map_or(BYTES_REFUSED, Ask::Bytes),
            (Route::TestGet, &Method::GET) => {
                bounded(argument, BYTES_MAX).map_or(BYTES_REFUSED, Ask::BytesUpTo)
            }
            (Route::Tests, &Method::GET) => Ask::ListTests,
            (Route::Tests, &Method::POST) => Ask::AddTest,
            (Route::Index, &Method::POST) => Ask::Index,
            (Route::Dashboard, &Method::GET) => Ask::QueryDashboard,
            _ => Ask::Refuse(StatusCode::METHOD_NOT_ALLOWED, "this path knows other methods\n"),
        };
        Self::Load(route, ask)
    }
}

impl Route {
    pub(crate) const ALL: [Self; 9] = [
        Self::Root,
        Self::Random,
        Self::Delay,
        Self::Bytes,
        Self::TestGet,
        Self::Tests,
        Self::Index,
        Self::Dashboard,
        Self::Other,
    ];

    pub(crate) fn template(self) -> &'static str {
        match self {
            Self::Root => "/",
            Self::Random => "/random",
            Self::Delay => "/delay/{ms}",
            Self::Bytes => "/bytes/{n}",
            Self::TestGet => "/test-get/{n}",
            Self::Tests => "/tests",
            Self::Index => "/api/index",
            Self::Dashboard => "/api/query/dashboard",
            Self::Other => "other",
        }
    }
}

fn control(method: &Method, path: &str) -> Option<Control> {
    match (method, path) {
        (&Method::GET, "/stats") => Some(Control::Stats),
        (&Method::POST, "/stats/reset") => Some(Control::ResetStats),
        (&Method::POST, "/record/flush") => Some(Control::FlushRecord),
        (&Method::GET | &Method::HEAD, "/health") => Some(Control::Health),
        _ => None,
    }
}

/// The route of a path and the rest of the path behind its template.
fn route(path: &str) -> (Route, &str) {
    match path {
        "/" => return (Route::Root, ""),
        "/random" => return (Route::Random, ""),
        "/tests" => return (Route::Tests, ""),
        "/api/index" => return (Route::Index, ""),
        "/api/query/dashboard" => return (Route::Dashboard, ""),
        _ => {}
    }
    let with_argument =
        [("/delay/", Route::Delay), ("/bytes/", Route::Bytes), ("/test-get/", Route::TestGet)];
    let found = with_argument
        .iter()
        .find_map(|&(prefix, route)| path.strip_prefix(prefix).map(|argument| (route, argument)));
    match found {
        Some((route, argument)) if !argument.contains('/') => (route, argument),
        _ => (Route::Other, ""),
    }
}

fn bounded(argument: &str, max: u64) -> Option<u64> {
    argument.parse().ok().filter(|&n| n <= max)
}

/// A minute: longer than any sensible time-out of a plan.
const DELAY_MS_MAX: u64 = 60_000;
const DELAY_REFUSED: Ask = Ask::Refuse(StatusCode::BAD_REQUEST, "the delay is 0 to 60000 milliseconds\n");

/// 16 MiB: bodies are streamed from one block, so this bounds time on the wire, not memory.
const BYTES_MAX: u64 = 16 * 1024 * 1024;
const BYTES_REFUSED: Ask = Ask::Refuse(StatusCode::BAD_REQUEST, "the size is 0 to 16777216 bytes\n");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_become_routes_and_arguments_are_checked() {
        let not_found = Ask::Refuse(StatusCode::NOT_FOUND, "no such path\n");
        let not_allowed = Ask::Refuse(StatusCode::METHOD_NOT_ALLOWED, "this path knows other methods\n");
        let rows = [
            ("GET", "/", Target::Load(Route::Root, Ask::Greeting)),
            ("HEAD", "/", Target::Load(Route::Root, Ask::Greeting)),
            ("DELETE", "/", Target::Load(Route::Root, not_allowed)),
            ("GET", "/delay/250", Target::Load(Route::Delay, Ask::Delay(Duration::from_millis(250)))),
            ("GET", "/delay/60001", Target::Load(Route::Delay, DELAY_REFUSED)),
            ("GET", "/delay/-1", Target::Load(Route::Delay, DELAY_REFUSED)),
            ("GET", "/delay/", Target::Load(Route::Delay, DELAY_REFUSED)),
            ("GET", "/delay/1/2", Target::Load(Route::Other, not_found)),
            ("GET", "/bytes/16777216", Target::Load(Route::Bytes, Ask::Bytes(16_777_216))),
            ("GET", "/bytes/16777217", Target::Load(Route::Bytes, BYTES_REFUSED)),
            ("GET", "/test-get/100", Target::Load(Route::TestGet, Ask::BytesUpTo(100))),
            ("GET", "/tests", Target::Load(Route::Tests, Ask::ListTests)),
            ("POST", "/tests", Target::Load(Route::Tests, Ask::AddTest)),
            ("POST", "/api/index", Target::Load(Route::Index, Ask::Index)),
            ("GET", "/api/index", Target::Load(Route::Index, not_allowed)),
            ("GET", "/api/query/dashboard", Target::Load(Route::Dashboard, Ask::QueryDashboard)),
            ("GET", "/nowhere", Target::Load(Route::Other, not_found)),
            ("POST", "/nowhere", Target::Load(Route::Other, not_found)),
            ("GET", "/stats", Target::Control(Control::Stats)),
            ("POST", "/stats/reset", Target::Control(Control::ResetStats)),
            ("GET", "/stats/reset", Target::Load(Route::Other, not_found)),
        ];
        for (method, path, expected) in rows {
            let method = Method::from_bytes(method.as_bytes()).unwrap();
            assert_eq!(Target::new(&method, path), expected, "{method} {path}");
        }
    }

    #[test]
    fn routes_are_numbered_by_their_place() {
        for (place, route) in Route::ALL.into_iter().enumerate() {
            assert_eq!(route as usize, place);
        }
    }
}
