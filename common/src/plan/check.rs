//! From the written plan to the valid one: every rule that types cannot express, all problems at once.

use std::time::Duration;

use toml::Spanned;

use super::faults::{Faults, LONGEST_WAIT, title};
use super::problem::Fault;
use super::{
    Agents, BaseUrl, HttpVersion, Plan, Reuse, Scenario, Scheme, Target, Tls, auth, client, dataset, headers,
    phase, rule, scenario, step, written,
};
use crate::text::Text;

/// The valid plan, or what is wrong with the written one.
///
/// A missing required key is no fault here, because the walker over the shape has reported it; there is no
/// plan then all the same.
pub(super) fn check(written: &written::Plan) -> (Option<Plan>, Vec<Fault>) {
    let mut faults = Faults::default();
    let plan = plan(written, &mut faults);
    let plan = plan.filter(|_| faults.list.is_empty());
    (plan, faults.list)
}

fn plan(written: &written::Plan, faults: &mut Faults) -> Option<Plan> {
    let name = written.name.as_ref().and_then(|name| title("name", name, faults));
    let written_data = written.data.as_deref().unwrap_or_default();
    faults.data = dataset::names(written_data);
    let data = dataset::datasets(written_data, faults);
    // What the target says is said by every scenario.
    let scenarios =
        written.scenario.iter().flatten().filter_map(|scenario| scenario.get_ref().step.as_deref());
    faults.variables = scenarios.flat_map(scenario::variables).collect();
    let written_target = written.target.as_ref();
    let auth = written_target.and_then(|target| auth::read(target.auth.as_ref(), faults));
    let target = written_target.and_then(|written| target(written, faults));
    // A broken target must not hide what is wrong in the scenarios.
    let phases = phase::phases(written.phase.as_deref().unwrap_or_default(), faults);
    let inherited = step::Inherited {
        phases: phases.as_deref(),
        timeout: target.as_ref().map_or(DEFAULT_TIMEOUT, |target| target.timeout),
        headers: target.as_ref().map_or(&[], |target| &target.headers),
        auth: auth.as_ref(),
        redirects: written_target.and_then(|target| target.redirects).unwrap_or_default(),
    };
    let scenarios = scenario::scenarios(written.scenario.as_deref().unwrap_or_default(), &inherited, faults);
    if let (Some(data), Some(scenarios)) = (&data, &scenarios) {
        dataset::without_users(written_data, (data, scenarios), faults);
    }
    let follows =
        scenarios.iter().flatten().flat_map(|scenario| &scenario.steps).any(|step| step.redirects > 0);
    let http = written_target.and_then(|target| target.http).unwrap_or_default();
    if let Some(connection) = written_target.and_then(|target| target.connection.as_ref())
        && (follows || http == HttpVersion::Http2)
    {
        client::second_client(connection, http, faults);
    }
    if let Some(tls) = written_target.and_then(|target| target.tls.as_ref())
        && let Some(target) = &target
    {
        own_connections(tls, target, follows, faults);
    }
    let known = rule::Known::of(written, scenarios.as_deref(), phases.as_deref());
    let rules = written.threshold.as_deref().unwrap_or_default();
    let thresholds: Vec<_> = rules.iter().map(|written| rule::threshold(written, &known, faults)).collect();
    let max_lateness =
        faults.duration("max_lateness", written.max_lateness.as_ref(), DEFAULT_MAX_LATENESS, LONGEST_WAIT);
    let rests = scenarios.iter().flatten().map(Scenario::longest).max().unwrap_or_default();
    let default_drain = rests + DRAIN_MARGIN;
    let drain = faults.duration("drain", written.drain.as_ref(), default_drain, LONGEST_DRAIN);
    let agents = written.agents.as_ref();
    let lease_ttl = lease_ttl(agents, faults);
    Some(Plan {
        name: name?,
        seed: written.seed.unwrap_or_default(),
        drain: drain?,
        max_lateness: max_lateness?,
        phases: phases.unwrap_or_default(),
        target: target?,
        agents: Agents {
            expect: agents.and_then(|agents| agents.expect),
            pacing: agents.and_then(|agents| agents.pacing).unwrap_or_default(),
            on_loss: agents.and_then(|agents| agents.on_loss).unwrap_or_default(),
            lease_ttl: lease_ttl?,
        },
        scenarios: scenarios.filter(|scenarios| !scenarios.is_empty())?,
        data: data?,
        thresholds: thresholds.into_iter().collect::<Option<_>>()?,
    })
}

fn lease_ttl(agents: Option<&written::Agents>, faults: &mut Faults) -> Option<Duration> {
    let written = agents.and_then(|agents| agents.lease_ttl.as_ref());
    let ttl = faults.duration("lease_ttl", written, Agents::default().lease_ttl, LONGEST_LEASE_TTL)?;
    if let Some(written) = written.filter(|_| ttl < SHORTEST_LEASE_TTL) {
        faults.add(
            written.span(),
            "`lease_ttl`: a busy machine or network would lose agents that are well".to_owned(),
            "write 1s or more",
        );
        return None;
    }
    Some(ttl)
}

fn target(written: &written::Target, faults: &mut Faults) -> Option<Target> {
    let base_url = written.base_url.as_ref().and_then(|written| {
        let read = written.get_ref().parse::<BaseUrl>().map_err(|error| (error.to_string(), error.remedy()));
        faults.take("base_url", written.span(), read)
    });
    let timeout = faults.duration("timeout", written.timeout.as_ref(), DEFAULT_TIMEOUT, LONGEST_WAIT);
    let mut headers = headers::read(written.headers.as_ref(), faults);
    if written.compression == Some(true) && !headers.iter().any(|(name, _)| name == "accept-encoding") {
        headers.push(("accept-encoding".to_owned(), Text::verbatim(ENCODINGS)));
    }
    let connection = client::connection(written.connection.as_ref(), faults);
    let tls = written.tls.as_ref();
    let ca = tls.and_then(|tls| tls.get_ref().ca.as_ref());
    if let Some(ca) = ca {
        faults.take("ca", ca.span(), certificates(ca.get_ref()));
    }
    if let (Some(tls), Some(url)) = (tls, &base_url)
        && url.scheme == Scheme::Http
    {
        let help = "leave it out, or write a base_url with https://";
        faults.add(tls.span(), "`tls` has no meaning for a target with http://", help);
    }
    Some(Target {
        base_url: base_url?,
        timeout: timeout?,
        headers,
        http: written.http.unwrap_or_default(),
        identify: written.identify.unwrap_or_default(),
        tls: Tls {
            ca: ca.map(|ca| ca.get_ref().clone()),
            verify: tls.and_then(|tls| tls.get_ref().verify).unwrap_or(true),
            identity: tls.and_then(|tls| identity(tls.get_ref(), faults)),
        },
        connection: connection?,
    })
}

/// A certificate of each user's own needs connections of each user's own.
fn own_connections(tls: &Spanned<written::Tls>, target: &Target, follows: bool, faults: &mut Faults) {
    let varies = target.tls.identity.iter().any(|(cert, key)| cert.has_template() || key.has_template());
    let lean = target.http == HttpVersion::Http1 && !follows;
    if varies && !(lean && target.connection.reuse == Reuse::PerUser) {
        faults.add(
            tls.span(),
            "a certificate from data, but connections that users share",
            "write target.connection.use = \"per-user\"; it goes with neither http = \"2\" nor redirects",
        );
    }
}

/// The agent's own certificate with its key.
fn identity(tls: &written::Tls, faults: &mut Faults) -> Option<(Text, Text)> {
    let (cert, key) = match (&tls.cert, &tls.key) {
        (Some(cert), Some(key)) => (cert, key),
        (Some(alone), None) | (None, Some(alone)) => {
            faults.add(alone.span(), "half an identity", "`cert` and `key` belong together: write both");
            return None;
        }
        (None, None) => return None,
    };
    let (cert_text, key_text) = (faults.text("cert", cert)?, faults.text("key", key)?);
    if let Some(literal) = cert_text.literal() {
        faults.take("cert", cert.span(), certificates(literal));
    }
    if key_text.literal().is_some_and(|literal| !literal.contains("PRIVATE KEY-----")) {
        let help = "paste the text from -----BEGIN PRIVATE KEY----- to -----END PRIVATE KEY-----";
        faults.add(key.span(), "`key`: no PEM private key", help);
    }
    Some((cert_text, key_text))
}

fn certificates(pem: &str) -> Result<(), (&'static str, &'static str)> {
    let block = pem.split_once("-----BEGIN CERTIFICATE-----").map(|(_, block)| block);
    match block.and_then(|block| block.split_once("-----END CERTIFICATE-----")) {
        Some((base64, _)) if !base64.trim().is_empty() => Ok(()),
        _ => Err((
            "no PEM certificate",
            "paste the text from -----BEGIN CERTIFICATE----- to -----END CERTIFICATE-----",
        )),
    }
}

/// What the agent can unpack.
const ENCODINGS: &str = "gzip, br, zstd, deflate";
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(30);
const DEFAULT_MAX_LATENESS: Duration = Duration::from_secs(1);
/// What the drain adds to the longest iteration: requests that are sent last still end by their own timeout.
const DRAIN_MARGIN: Duration = Duration::from_secs(2);
const SHORTEST_LEASE_TTL: Duration = Duration::from_secs(1);
const LONGEST_LEASE_TTL: Duration = Duration::from_secs(60);
const LONGEST_DRAIN: Duration = Duration::from_secs(24 * 3_600);
