//! A step: the request of an iteration, from written to valid.

use std::time::Duration;

use toml::Spanned;

use super::auth::Auth;
use super::faults::{Faults, LONGEST_WAIT, title};
use super::url::is_path;
use super::{Phase, Step, answer, auth, body, headers, written};
use crate::path_template::path_template;
use crate::text::{Piece, Text};

/// What scenarios and their steps take over from the rest of the plan.
pub(super) struct Inherited<'a> {
    pub(super) timeout: Duration,
    pub(super) headers: &'a [(String, Text)],
    pub(super) auth: Option<&'a Auth>,
    pub(super) redirects: u32,
    /// The plan's phases, when they are valid.
    pub(super) phases: Option<&'a [Phase]>,
}

pub(super) fn step(written: &written::Step, inherited: &Inherited<'_>, faults: &mut Faults) -> Option<Step> {
    let method = written.method.unwrap_or_default();
    let path = written.path.as_ref().and_then(|written| path(written, faults));
    let name = match &written.name {
        Some(name) => title("name", name, faults),
        None => path.as_ref().map(|path| format!("{} {}", method.as_str(), path_template(path.written()))),
    };
    let query = fields("query", written.query.as_ref(), faults);
    let own_headers = headers::read(written.headers.as_ref(), faults);
    let timeout = faults.duration("timeout", written.timeout.as_ref(), inherited.timeout, LONGEST_WAIT);
    let think = written.think.as_ref().and_then(|written| faults.think(written));
    let body = body::read(written, method, faults);
    let auth = auth::read(written.auth.as_ref(), faults);
    let (headers, basic) = authorized(headers::merge(inherited.headers, own_headers), &auth, inherited.auth);
    let expect = answer::expect(written.expect.as_ref(), faults);
    let extract = answer::extracts(written.extract.as_ref(), faults);
    Some(Step {
        name: name?,
        weight: written.weight.as_ref().map_or(1, |weight| *weight.get_ref()),
        method,
        path: path?,
        query: query?,
        headers,
        body: body?,
        expect: expect?,
        extract,
        basic,
        redirects: written.redirects.unwrap_or(inherited.redirects),
        timeout: timeout?,
        think,
    })
}

/// The headers with the authorization: the step's own, a header that is written, or the target's; and whether it is to
/// be encoded.
fn authorized(
    mut headers: Vec<(String, Text)>,
    own: &Option<Auth>,
    inherited: Option<&Auth>,
) -> (Vec<(String, Text)>, bool) {
    let is_written = headers.iter().any(|(name, _)| name == AUTHORIZATION);
    let Some(auth) = own.as_ref().or(inherited.filter(|_| !is_written)) else { return (headers, false) };
    let (text, basic) = match auth {
        Auth::Plain(text) => (text, false),
        Auth::Basic(text) => (text, true),
    };
    headers.retain(|(name, _)| name != AUTHORIZATION);
    headers.push((AUTHORIZATION.to_owned(), text.clone()));
    (headers, basic)
}

/// Names and texts, ordered by name.
pub(super) fn fields(
    key: &str,
    written: Option<&written::Fields>,
    faults: &mut Faults,
) -> Option<Vec<(String, Text)>> {
    let read = |(name, value): (&Spanned<String>, &Spanned<String>)| {
        if name.get_ref().is_empty() {
            faults.add(name.span(), format!("`{key}`: a field without a name"), "write a name");
            return None;
        }
        Some((name.get_ref().clone(), faults.text(key, value)?))
    };
    let fields: Vec<_> = written.into_iter().flatten().map(read).collect();
    fields.into_iter().collect()
}

/// A request path with its query.
fn path(written: &Spanned<String>, faults: &mut Faults) -> Option<Text> {
    let text = faults.text("path", written)?;
    let literals = text.pieces().iter().filter_map(|piece| match piece {
        Piece::Literal(literal) => Some(literal.as_str()),
        Piece::Secret(_) | Piece::Value(_) | Piece::Tag(_) => None,
    });
    let begins = match text.pieces().first() {
        Some(Piece::Literal(literal)) => literal.starts_with('/'),
        Some(_) => true,
        None => false,
    };
    let read = if !begins {
        Err((
            "does not begin with `/`",
            "write the path below the target's base_url, like \"/api/items?page=2\"",
        ))
    } else if literals.clone().any(|literal| literal.contains('#')) {
        Err(("a fragment is never sent", "leave out what follows `#`, or write %23"))
    } else if text.written().len() > LONGEST_PATH {
        Err(("too long", "at most 8192 characters"))
    } else if literals.clone().all(is_path) {
        Ok(text)
    } else {
        Err(("a character that cannot stand in a path", "percent-encode it, like %20 for a space"))
    };
    faults.take("path", written.span(), read)
}

const AUTHORIZATION: &str = "authorization";
/// Bytes; longer request lines are refused by most servers.
const LONGEST_PATH: usize = 8_192;
