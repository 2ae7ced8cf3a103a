//! Builds the reqwest clients of one engine thread, and their requests.

use crate::allow::AllowList;
use crate::connect::{Identity, client_config, guarded_resolver};
use common::plan::{HttpVersion, Plan, Reuse, Scheme, Tls};
use common::script::{Message, Script};
use std::error::Error;
use std::net::IpAddr;
use std::sync::Arc;

/// One client, or one for each source address.
pub(super) fn clients(
    plan: &Plan,
    script: &Script,
    allow: &Arc<AllowList>,
) -> Result<Vec<reqwest::Client>, String> {
    let sources = &plan.target.connection.source;
    let identity = script.fixed_credentials().map(|(cert, key)| Identity { cert, key });
    let client = |source| client(plan, identity.as_ref(), allow, source);
    if sources.is_empty() {
        return Ok(vec![client(None)?]);
    }
    sources.iter().map(|source| client(Some(*source))).collect()
}

fn client(
    plan: &Plan,
    identity: Option<&Identity>,
    allow: &Arc<AllowList>,
    source: Option<IpAddr>,
) -> Result<reqwest::Client, String> {
    let target = &plan.target;
    let is_http2 = target.http == HttpVersion::Http2;
    // In the clear nothing is verified, but without a configuration the builder looks for the process's TLS
    // provider and panics. Who follows redirects may come to an encrypted place.
    let unused = Tls { ca: None, verify: false, identity: None };
    let is_plain = target.base_url.scheme == Scheme::Http && !plan.follows_redirects();
    let tls = if is_plain { &unused } else { &target.tls };
    let alpn: &[u8] = if is_http2 { b"h2" } else { b"http/1.1" };
    let mut builder = reqwest::Client::builder()
        .retry(reqwest::retry::never())
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .tcp_nodelay(true)
        .pool_idle_timeout(None)
        .local_address(source)
        .dns_resolver(guarded_resolver(Arc::clone(allow), &target.connection))
        .user_agent(concat!("stampede/", env!("CARGO_PKG_VERSION")))
        .tls_backend_preconfigured(client_config(tls, identity, &[alpn])?);
    if target.connection.reuse == Reuse::PerRequest {
        builder = builder.pool_max_idle_per_host(0);
    }
    if let Some(path) = &target.connection.unix {
        builder = builder.unix_socket(path.as_str());
    }
    builder = match (is_http2, target.base_url.scheme) {
        (true, Scheme::Http) => builder.http2_prior_knowledge(),
        (true, Scheme::Https) => builder,
        (false, _) => builder.http1_only(),
    };
    builder.build().map_err(|error| format!("build the second client: {}", chain(&error)))
}

/// A request as reqwest sends it.
pub(super) fn request(
    client: &reqwest::Client,
    plan: &Plan,
    message: &Message,
) -> Result<reqwest::Request, String> {
    let method = reqwest::Method::from_bytes(message.method.as_str().as_bytes());
    let method = method.map_err(|_| format!("{} is no method of HTTP/2", message.method.as_str()))?;
    let mut builder = client.request(method, format!("{}{}", plan.target.base_url, message.path));
    for (name, value) in &message.headers {
        builder = builder.header(name, value);
    }
    if let Some(body) = &message.body {
        builder = builder.body(body.clone());
    }
    builder.build().map_err(|error| chain(&error))
}

/// An error with its causes, in one line.
pub(super) fn chain(error: &(dyn Error + 'static)) -> String {
    std::iter::successors(error.source(), |cause| (*cause).source())
        .fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
