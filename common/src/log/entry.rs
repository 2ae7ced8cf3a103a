//! From the fields of a line to what it tells.

use super::escape::{path, unescape};
use super::moment::{Form, Memory, Moment, decimal, number};
use super::{Entry, Reject};
use std::borrow::Cow;

/// What a field of a format tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Field {
    /// Nothing that a replay needs.
    Ignored,
    Time(Form),
    /// An address or name.
    Client,
    /// An address with a port behind it.
    ClientPort,
    /// Addresses, the client's first; they win over the address of whoever is nearest.
    Forwarded,
    /// `GET /path HTTP/1.1`
    Request,
    Method,
    /// Path and query.
    Target,
    Path,
    Query,
    Status,
    /// Of the body.
    Bytes,
    /// With the head; taken when nothing tells the body's.
    AllBytes,
    /// In units of so many nanoseconds.
    Latency(u64),
    /// A part of it, in seconds: parts are added.
    LatencyPart,
    Host,
    Body,
}

/// The fields of a line, as they stand there.
#[derive(Default)]
pub(super) struct Fields<'a> {
    moment: Moment,
    client: Cow<'a, [u8]>,
    forwarded: Cow<'a, [u8]>,
    request: Option<Cow<'a, [u8]>>,
    method: Option<Cow<'a, [u8]>>,
    target: Option<Cow<'a, [u8]>>,
    path: Option<Cow<'a, [u8]>>,
    query: Cow<'a, [u8]>,
    status: Option<u16>,
    bytes: Option<u64>,
    all_bytes: Option<u64>,
    latency: Option<u64>,
    host: Cow<'a, [u8]>,
    body: Option<Cow<'a, [u8]>>,
}

impl<'a> Fields<'a> {
    /// Takes a field that a logger may have escaped.
    pub(super) fn take(&mut self, field: &Field, value: &'a [u8], memory: &mut Memory) -> Result<(), Reject> {
        match field {
            Field::Ignored => Ok(()),
            Field::Time(_)
            | Field::Status
            | Field::Bytes
            | Field::AllBytes
            | Field::Latency(_)
            | Field::LatencyPart => self.number(field, value, memory),
            _ => {
                self.text(field, unescape(value));
                Ok(())
            }
        }
    }

    /// Takes a time or a count.
    pub(super) fn number(&mut self, field: &Field, value: &[u8], memory: &mut Memory) -> Result<(), Reject> {
        match field {
            Field::Time(form) => self.moment.take(form, value, memory).ok_or(Reject::Time),
            _ => self.count(field, value),
        }
    }

    /// Takes a text as it is.
    pub(super) fn text(&mut self, field: &Field, value: Cow<'a, [u8]>) {
        match field {
            Field::Client => self.client = value,
            Field::ClientPort => {
                let end = memchr::memrchr(b':', &value).unwrap_or(value.len());
                self.client = cut(value, 0, end);
            }
            Field::Forwarded if !is_absent(&value) => {
                let end = memchr::memchr(b',', &value).unwrap_or(value.len());
                self.forwarded = cut(value, 0, end);
            }
            Field::Request => self.request = Some(value),
            Field::Method => self.method = Some(value),
            Field::Target => self.target = Some(value),
            Field::Path => self.path = Some(value),
            Field::Query if !is_absent(&value) => self.query = value,
            Field::Host if !is_absent(&value) => self.host = value,
            Field::Body if !is_absent(&value) => self.body = Some(value),
            _ => {}
        }
    }

    fn count(&mut self, field: &Field, value: &[u8]) -> Result<(), Reject> {
        // `-` and `-1` stand for nothing: Apache's body of no bytes, a load balancer that got no answer.
        let absent = is_absent(value) || value == b"-1";
        match field {
            Field::Status if !absent => {
                let status = number(value).filter(|status| (100..=999).contains(status) || *status == 0);
                let status = status.ok_or(Reject::Number)?;
                self.status = u16::try_from(status).ok().filter(|status| *status > 0);
            }
            Field::Bytes => {
                self.bytes = Some(if absent { 0 } else { number(value).ok_or(Reject::Number)? })
            }
            Field::AllBytes if !absent => self.all_bytes = Some(number(value).ok_or(Reject::Number)?),
            Field::Latency(unit) if !absent => {
                self.latency = Some(decimal(value, *unit).ok_or(Reject::Number)?);
            }
            Field::LatencyPart if !absent => {
                let part = decimal(value, 1_000_000_000).ok_or(Reject::Number)?;
                self.latency = Some(self.latency.unwrap_or(0).saturating_add(part));
            }
            _ => {}
        }
        Ok(())
    }

    /// What the line tells. `timed`: the format has a time; `ends`: it is that of the answer's end.
    pub(super) fn entry(self, timed: bool, ends: bool) -> Result<Entry<'a>, Reject> {
        let (mut time, mut is_coarse) = (None, false);
        if timed {
            let (at, coarse) = self.moment.nanos().ok_or(Reject::Time)?;
            // Within a second that is not known better, nobody knows when it began.
            let before = if ends && !coarse { self.latency.unwrap_or(0) } else { 0 };
            let came = i64::try_from(before).ok().and_then(|before| at.checked_sub(before));
            (time, is_coarse) = (Some(came.ok_or(Reject::Time)?), coarse);
        }
        let (method, target) = match (self.request, self.target, self.path) {
            (Some(request), ..) => split_request(request)?,
            (None, Some(target), _) => (self.method.unwrap_or(GET), target),
            (None, None, Some(path)) => (self.method.unwrap_or(GET), joined(path, &self.query)),
            (None, None, None) => return Err(Reject::Request),
        };
        let (host, target) = split_absolute(target);
        let client = if self.forwarded.is_empty() { self.client } else { self.forwarded };
        Ok(Entry {
            time,
            is_coarse,
            client,
            method,
            path: path(target).ok_or(Reject::Path)?,
            host: host.unwrap_or(self.host),
            status: self.status,
            bytes: self.bytes.or(self.all_bytes),
            latency: self.latency,
            body: self.body,
        })
    }
}

/// A piece of a line.
type Piece<'a> = Cow<'a, [u8]>;

/// Method and target of a request line.
fn split_request(request: Piece<'_>) -> Result<(Piece<'_>, Piece<'_>), Reject> {
    let space = memchr::memchr(b' ', &request).ok_or(Reject::Request)?;
    let is_word = request[..space].iter().all(|byte| byte.is_ascii_alphabetic() || *byte == b'-');
    // Before HTTP/1.0 a request had no version; what looks like two words is no request all the same.
    let version = memchr::memrchr(b' ', &request).filter(|at| request[at + 1..].starts_with(b"HTTP/"));
    let end = version.filter(|end| *end > space).ok_or(Reject::Request)?;
    if space == 0 || !is_word {
        return Err(Reject::Request);
    }
    Ok(match request {
        Cow::Borrowed(request) => (Cow::Borrowed(&request[..space]), Cow::Borrowed(&request[space + 1..end])),
        Cow::Owned(request) => {
            (Cow::Owned(request[..space].to_vec()), Cow::Owned(request[space + 1..end].to_vec()))
        }
    })
}

/// Host and path of `http://host/path`, as proxies and load balancers log it.
fn split_absolute(target: Cow<'_, [u8]>) -> (Option<Cow<'_, [u8]>>, Cow<'_, [u8]>) {
    let scheme = [&b"http://"[..], b"https://"].into_iter().find(|scheme| target.starts_with(scheme));
    let Some(scheme) = scheme else { return (None, target) };
    let start = scheme.len();
    let end = target[start..].iter().position(|byte| matches!(byte, b'/' | b'?'));
    let end = end.map_or(target.len(), |end| start + end);
    let host = cut(target.clone(), start, end);
    let path = match target.get(end) {
        None => Cow::Borrowed(&b"/"[..]),
        Some(b'/') => cut(target.clone(), end, target.len()),
        Some(_) => Cow::Owned([b"/", &target[end..]].concat()),
    };
    (Some(host), path)
}

fn joined<'a>(path: Cow<'a, [u8]>, query: &[u8]) -> Cow<'a, [u8]> {
    let query = query.strip_prefix(b"?").unwrap_or(query);
    if query.is_empty() { path } else { Cow::Owned([&path[..], b"?", query].concat()) }
}

fn cut(value: Cow<'_, [u8]>, from: usize, to: usize) -> Cow<'_, [u8]> {
    match value {
        Cow::Borrowed(value) => Cow::Borrowed(&value[from..to]),
        Cow::Owned(value) => Cow::Owned(value[from..to].to_vec()),
    }
}

fn is_absent(value: &[u8]) -> bool {
    matches!(value, b"" | b"-")
}

const GET: Cow<'static, [u8]> = Cow::Borrowed(b"GET");
