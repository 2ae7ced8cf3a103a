//! Who may ask for what: the one place where it is decided.
//!
//! On loopback the threat is a page of somebody else in the operator's browser. It can send requests here, but not under
//! a Host of ours by another name (DNS rebinding), and not with a JSON body from another origin (CSRF). Anywhere else a
//! token is shown, as a bearer or in a cookie that browsers send to nobody else.

use super::Site;
use super::answer::Refusal;
use axum::extract::{Query, Request, State};
use axum::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use std::net::IpAddr;

/// An answer that says itself, in its text, what it may load.
#[derive(Clone, Copy, Debug)]
pub(super) struct OwnPolicy;

/// Lets a request through, or says why not.
pub(super) async fn guard(State(site): State<Site>, request: Request, next: Next) -> Response {
    let is_api = request.uri().path().starts_with("/api/");
    let mut response = match admit(&site, &request) {
        Ok(()) => next.run(request).await,
        Err(refusal) => refusal.into_response(),
    };
    let own_policy = response.extensions().get::<OwnPolicy>().is_some();
    let headers = response.headers_mut();
    for (name, value) in
        HEADERS.into_iter().filter(|(name, _)| !own_policy || name != header::CONTENT_SECURITY_POLICY)
    {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if is_api {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    response
}

fn admit(site: &Site, request: &Request) -> Result<(), Refusal> {
    let (headers, path) = (request.headers(), request.uri().path());
    let host = text(headers, &header::HOST).or_else(|| request.uri().authority().map(|own| own.as_str()));
    match &site.token {
        None => is_ours(host)?,
        Some(_) if path == "/login" => {}
        Some(token) => shows(headers, token)?,
    }
    if matches!(*request.method(), Method::GET | Method::HEAD) {
        return Ok(());
    }
    if let Some(origin) = text(headers, &header::ORIGIN) {
        let same = origin.split_once("://").map(|(_, origin)| origin) == host;
        if !same {
            return Err(Refusal::new(
                StatusCode::FORBIDDEN,
                "the request comes from a page of another origin",
                "send it from the controller's own page, or without an Origin header",
            ));
        }
    }
    let expected = if path == "/api/plans/check" { "text/plain" } else { "application/json" };
    let is_typed = text(headers, &header::CONTENT_TYPE)
        .is_some_and(|kind| kind.split(';').next().unwrap_or("").trim().eq_ignore_ascii_case(expected));
    if is_typed || request.method() == Method::DELETE {
        return Ok(());
    }
    Err(Refusal::new(
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        format!("what changes something must be sent as {expected}"),
        format!("add the header content-type: {expected}"),
    ))
}

/// Whether a request was sent to this machine by its own name.
fn is_ours(host: Option<&str>) -> Result<(), Refusal> {
    let name = host.map(|host| match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or(""),
        None => host.split(':').next().unwrap_or(""),
    });
    let loopback = |name: &str| {
        name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
    };
    if name.is_some_and(loopback) {
        return Ok(());
    }
    Err(Refusal::new(
        StatusCode::FORBIDDEN,
        "the request was sent to a name that is not this machine's own",
        "use http://127.0.0.1 or http://localhost, or start the controller with --web-token-file",
    ))
}

fn shows(headers: &HeaderMap, token: &str) -> Result<(), Refusal> {
    let bearer = text(headers, &header::AUTHORIZATION).and_then(|value| value.strip_prefix("Bearer "));
    let cookies = headers.get_all(header::COOKIE).into_iter().filter_map(|value| value.to_str().ok());
    let cookie = cookies
        .flat_map(|value| value.split(';'))
        .find_map(|pair| pair.trim().strip_prefix(COOKIE).and_then(|rest| rest.strip_prefix('=')));
    let shown = bearer.or(cookie);
    if shown.is_some_and(|shown| crate::rpc::equal(shown.as_bytes(), token.as_bytes())) {
        return Ok(());
    }
    Err(Refusal::new(
        StatusCode::UNAUTHORIZED,
        if shown.is_some() { "another token than the controller's" } else { "no token" },
        "open /login?token=TOKEN once, or send the header authorization: Bearer TOKEN (see --web-token-file)",
    ))
}

#[derive(Debug, Deserialize)]
pub(super) struct Login {
    #[serde(default)]
    token: String,
}

/// Keeps the token in a cookie.
pub(super) async fn login(State(site): State<Site>, Query(login): Query<Login>) -> Response {
    if let Some(token) = &site.token
        && !crate::rpc::equal(login.token.as_bytes(), token.as_bytes())
    {
        let remedy = "it is in the file of --web-token-file";
        return Refusal::new(StatusCode::UNAUTHORIZED, "another token than the controller's", remedy)
            .into_response();
    }
    let mut response = (StatusCode::SEE_OTHER, [(header::LOCATION, "/")]).into_response();
    if let Some(token) = &site.token {
        let cookie = format!("{COOKIE}={token}; Path=/; HttpOnly; SameSite=Strict");
        if let Ok(cookie) = HeaderValue::from_str(&cookie) {
            response.headers_mut().insert(header::SET_COOKIE, cookie);
        }
    }
    response
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

const COOKIE: &str = "stampede";
const HEADERS: [(HeaderName, &str); 4] = [
    (
        header::CONTENT_SECURITY_POLICY,
        // plotly needs styles of its own.
        "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; object-src 'none'; \
         base-uri 'none'; frame-ancestors 'none'",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::X_FRAME_OPTIONS, "DENY"),
];
