//! One exchange: read the request, decide, count, wait, answer.

use crate::{
    body::Content,
    record::Record,
    route::{Ask, Control, Route, Target},
    service::Service,
};
use bytes::{Buf, Bytes};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::{
    HeaderMap, Request, Response, StatusCode,
    body::{Body, Incoming},
    header::{CONTENT_TYPE, HeaderName, HeaderValue},
    http::request::Parts,
};
use serde::Serialize;
use serde_json::json;
use std::{
    error::Error,
    time::{Duration, Instant},
};
use tokio::time::{sleep_until, timeout};

/// Answers one request.
pub(crate) async fn exchange(service: &Service, request: Request<Incoming>) -> Response<Content> {
    let now = Instant::now();
    let (head, body) = request.into_parts();
    let (route, ask) = match Target::new(&head.method, head.uri.path()) {
        Target::Load(route, ask) => (route, ask),
        Target::Control(control) => return answer_control(service, control),
    };
    let arrived = service.clock.arrive(now);
    let (ask, body) = match body_limit(ask) {
        None => (ask, Bytes::new()),
        Some(limit) => match read(body, limit).await {
            Ok(body) => (ask, body),
            Err(refusal) => (refusal, Bytes::new()),
        },
    };
    let answer = service.decide(ask, &body, arrived);
    note(service, &head, route, answer.status, arrived);
    if answer.ready > arrived {
        sleep_until(service.clock.moment(answer.ready).into()).await;
    }
    response(answer.status, answer.content)
}

/// Counts and records the decided answer. From here on the request has happened.
fn note(service: &Service, head: &Parts, route: Route, status: StatusCode, arrived: Duration) {
    service.counters.count(&head.method, route, status);
    service.recorder.add(|| Record {
        arrival_ns: u64::try_from(arrived.as_nanos()).unwrap_or(u64::MAX),
        unix_ns: service.clock.unix_ns(arrived),
        method: head.method.to_string(),
        path: shortened(head.uri.path_and_query().map_or("", |path| path.as_str())).to_owned(),
        status: status.as_u16(),
        arrival: arrival(&head.headers).to_owned(),
    });
}

fn answer_control(service: &Service, control: Control) -> Response<Content> {
    match control {
        Control::Health => response(StatusCode::OK, Content::Text("ok\n")),
        Control::Stats => {
            service.recorder.flush();
            json_response(&service.stats())
        }
        Control::ResetStats => json_response(&service.counters.take()),
        Control::FlushRecord => {
            service.recorder.flush();
            match service.recorder.failure() {
                Ok(()) => response(StatusCode::OK, Content::Text("flushed\n")),
                Err(error) => {
                    let reason = json!({ "error": error.to_string() }).to_string();
                    response(StatusCode::INTERNAL_SERVER_ERROR, Content::Json(reason.into()))
                }
            }
        }
    }
}

/// How large a body may be, for requests whose body matters.
fn body_limit(ask: Ask) -> Option<usize> {
    match ask {
        Ask::Index => Some(DOCUMENT_BYTES_MAX),
        Ask::AddTest => Some(ENTRY_BYTES_MAX),
        _ => None,
    }
}

async fn read<B>(body: B, limit: usize) -> Result<Bytes, Ask>
where
    B: Body,
    B::Data: Buf,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    match timeout(BODY_WAIT, Limited::new(body, limit).collect()).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            Err(Ask::Refuse(StatusCode::PAYLOAD_TOO_LARGE, "the body is too large\n"))
        }
        Ok(Err(_)) => Err(Ask::Refuse(StatusCode::BAD_REQUEST, "the body broke off\n")),
        Err(_) => Err(Ask::Refuse(StatusCode::REQUEST_TIMEOUT, "the body did not come\n")),
    }
}

fn json_response(value: &impl Serialize) -> Response<Content> {
    match serde_json::to_vec(value) {
        Ok(json) => response(StatusCode::OK, Content::Json(json.into())),
        Err(_) => response(StatusCode::INTERNAL_SERVER_ERROR, Content::Text("no JSON\n")),
    }
}

fn response(status: StatusCode, content: Content) -> Response<Content> {
    let media_type = HeaderValue::from_static(content.media_type());
    let mut response = Response::new(content);
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, media_type);
    response
}

/// The arrival that the load generator names; what is no text or too long to be one counts as absent.
fn arrival(headers: &HeaderMap) -> &str {
    let named = headers.get(ARRIVAL).and_then(|value| value.to_str().ok()).unwrap_or("");
    if named.len() <= ARRIVAL_BYTES_MAX { named } else { "" }
}

/// URIs are ASCII, but a cut must not rely on it.
fn shortened(path: &str) -> &str {
    &path[..path.floor_char_boundary(PATH_BYTES_MAX)]
}

const ARRIVAL: HeaderName = HeaderName::from_static("x-stampede-arrival");

/// A scenario's name and a number.
const ARRIVAL_BYTES_MAX: usize = 256;

/// What the record keeps of a path.
const PATH_BYTES_MAX: usize = 1_024;

/// Documents describe files, they do not carry them.
const DOCUMENT_BYTES_MAX: usize = 64 * 1024;

/// Small, because the whole list is sent to whoever asks for it.
const ENTRY_BYTES_MAX: usize = 4 * 1024;

/// How long a request may take to deliver its body.
const BODY_WAIT: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_short_text_names_an_arrival() {
        let named = |value: &[u8]| {
            let mut headers = HeaderMap::new();
            headers.insert(ARRIVAL, HeaderValue::from_bytes(value).unwrap());
            arrival(&headers).to_owned()
        };
        assert_eq!(named(b"index:7"), "index:7");
        assert_eq!(named(b"\xff"), "");
        assert_eq!(named(&[b'x'; 257]), "");
        assert_eq!(arrival(&HeaderMap::new()), "");
    }

    #[test]
    fn long_paths_are_cut() {
        assert_eq!(shortened("/a"), "/a");
        assert_eq!(shortened(&"ä".repeat(1_000)).len(), 1_024);
        assert_eq!(shortened(&format!("/{}", "ä".repeat(1_000))).len(), 1_023);
    }
}
