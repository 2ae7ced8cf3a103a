//! The page's styles and scripts: files of `controller/web/assets`, inside the program; in debug builds read from disk.

use super::answer::nothing_there;
use crate::pages::PLOTLY;
use axum::body::Body;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::http::header::{self, HeaderMap, HeaderValue};
use axum::response::{IntoResponse, Response};
use rust_embed::RustEmbed;
use std::fmt::Write;

#[derive(RustEmbed)]
#[folder = "web/assets"]
struct Web;

/// `/assets/…`.
pub(super) async fn asset(Path(path): Path<String>, headers: HeaderMap) -> Response {
    if path == "plotly.js" { plotly(&headers) } else { file(&path, &headers).await }
}

/// Every browser unpacks it itself.
fn plotly(headers: &HeaderMap) -> Response {
    let etag = concat!("\"plotly-", env!("CARGO_PKG_VERSION"), "\"");
    let known = headers.get(header::IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == etag.as_bytes());
    let kept = [
        (header::CONTENT_TYPE, "text/javascript; charset=utf-8"),
        (header::CONTENT_ENCODING, "gzip"),
        (header::CACHE_CONTROL, "max-age=31536000"),
        (header::ETAG, etag),
    ];
    if known { (StatusCode::NOT_MODIFIED, kept).into_response() } else { (kept, PLOTLY).into_response() }
}

async fn file(path: &str, headers: &HeaderMap) -> Response {
    // What is not a plain path is none of ours.
    let plain = path.split('/').all(|part| !part.is_empty() && !part.starts_with('.'));
    let Some(file) = plain.then(|| Web::get(path)).flatten() else {
        return nothing_there().await.into_response();
    };
    let hash = file.metadata.sha256_hash()[..16].iter().fold(String::new(), |mut text, byte| {
        // Writing into a string cannot fail.
        write!(text, "{byte:02x}").unwrap_or_default();
        text
    });
    let etag = format!("\"{hash}\"");
    let known = headers.get(header::IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == etag.as_bytes());
    let mut response = if known {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        Response::new(Body::from(file.data.into_owned()))
    };
    let out = response.headers_mut();
    out.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind(path)));
    out.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    if let Ok(etag) = HeaderValue::from_str(&etag) {
        out.insert(header::ETAG, etag);
    }
    response
}

fn kind(path: &str) -> &'static str {
    match path.rsplit('.').next().unwrap_or("") {
        "html" => "text/html; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "json" => "application/json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        _ => "application/octet-stream",
    }
}
