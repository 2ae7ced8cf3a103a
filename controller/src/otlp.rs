//! Pushes how a run stands to a collector of OpenTelemetry: OTLP over HTTP, in protobuf.
//!
//! It looks at the run's [`Board`] every so often like any viewer: nobody waits for it, one push is under way at a time,
//! and what did not get through is not kept, for the next one holds everything since the start. The last one is of the
//! run's report.

use crate::feed::Board;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceResponse;
use prost::Message;
use reqwest::Client;
use reqwest::header::CONTENT_TYPE;
use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval_at, timeout};
use url::Url;

mod message;

use message::Moment;

/// Where a collector takes metrics.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Collector {
    url: Url,
}

impl std::str::FromStr for Collector {
    type Err = String;

    /// `http://HOST:4318`, or the whole address with its `/v1/metrics`.
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = |why: &str| format!("{why}; write it like http://collector:4318");
        let mut url = Url::parse(text).map_err(|error| wrong(&format!("no address: {error}")))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(wrong(&format!("`{}` is neither http nor https", url.scheme())));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(wrong("it has a query or a fragment"));
        }
        let path = url.path().trim_end_matches('/').to_owned();
        url.set_path(&if path.ends_with(PATH) { path } else { format!("{path}{PATH}") });
        Ok(Self { url })
    }
}

impl std::fmt::Display for Collector {
    /// Without credentials.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (host, port) = (self.url.host_str().unwrap_or_default(), self.url.port_or_known_default());
        write!(f, "{}://{host}:{}{}", self.url.scheme(), port.unwrap_or_default(), self.url.path())
    }
}

/// The pushes of a controller, run after run. Those of one run go on beside the next one; dropped, all of them end.
#[derive(Debug)]
pub struct Pushes {
    /// Who is pushed to; `None`: nobody.
    to: Option<(Client, Collector)>,
    tell: fn(&str),
    runs: JoinSet<()>,
}

impl Pushes {
    /// Pushes to a collector, if there is one; of each run `tell` hears once when a push fails.
    ///
    /// # Errors
    /// When there can be no client: what is wrong.
    pub fn to(collector: Option<&Collector>, tell: fn(&str)) -> Result<Self, String> {
        let to = collector.map(|to| Ok::<_, String>((client()?, to.clone()))).transpose()?;
        Ok(Self { to, tell, runs: JoinSet::new() })
    }

    /// Begins to push what is on the board of a run.
    pub fn begin(&mut self, board: Arc<Board>) {
        // Each ends soon after its run.
        while self.runs.try_join_next().is_some() {}
        let Some((client, to)) = self.to.clone() else { return };
        self.runs.spawn(Pusher { client, to, board, since: now(), tell: self.tell, told: false }.run());
    }

    /// Waits for the last pushes of runs that are over, but not long.
    pub async fn end(mut self) {
        let ended = async { while self.runs.join_next().await.is_some() {} };
        // What is under way then is given up.
        timeout(END_WITHIN, ended).await.unwrap_or_default();
    }
}

struct Pusher {
    client: Client,
    to: Collector,
    board: Arc<Board>,
    /// Since when is counted, in nanoseconds of Unix time.
    since: u64,
    tell: fn(&str),
    told: bool,
}

impl Pusher {
    async fn run(mut self) {
        let mut ticks = interval_at(tokio::time::Instant::now() + EVERY, EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut newest = self.board.newest();
        loop {
            // A board whose run is gone ends the pushes too.
            let over = async { while self.board.over().is_none() && newest.changed().await.is_ok() {} };
            tokio::select! {
                () = over => break,
                _ = ticks.tick() => self.push().await,
            }
        }
        self.push().await;
    }

    async fn push(&mut self) {
        let (live, over) = (self.board.live(), self.board.over());
        let live = match over.and_then(|over| over.report.clone()) {
            Some(report) => Arc::new(message::settled(&live, &report)),
            None => live,
        };
        let (request, left_out) = message::request(&live, Moment { since: self.since, now: now() });
        if let Err(why) = self.send(request.encode_to_vec()).await {
            self.tell(&format!(
                "nothing was pushed to {}: {why}; the run goes on, and so do the pushes",
                self.to
            ));
        } else if left_out > 0 {
            self.tell(&format!("{left_out} of the run's values are too many for a push to {}", self.to));
        }
    }

    async fn send(&self, body: Vec<u8>) -> Result<(), String> {
        let request = self.client.post(self.to.url.clone()).header(CONTENT_TYPE, PROTOBUF).body(body);
        let mut answer = request.send().await.map_err(|error| chain(&error.without_url()))?;
        let status = answer.status();
        let mut body = Vec::new();
        while let Some(part) = answer.chunk().await.map_err(|error| chain(&error.without_url()))? {
            body.extend_from_slice(&part);
            if body.len() > ANSWER_MAX {
                return Err(format!("its answer has more than {ANSWER_MAX} bytes"));
            }
        }
        if !status.is_success() {
            return Err(format!("it answered {status}"));
        }
        let answer = ExportMetricsServiceResponse::decode(&*body);
        match answer.ok().and_then(|answer| answer.partial_success).filter(|own| own.rejected_data_points > 0)
        {
            Some(own) => Err(format!(
                "it refused {} values: {}",
                own.rejected_data_points,
                common::human::printable(&own.error_message)
            )),
            None => Ok(()),
        }
    }

    fn tell(&mut self, line: &str) {
        if !std::mem::replace(&mut self.told, true) {
            (self.tell)(line);
        }
    }
}

fn client() -> Result<Client, String> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| format!("set up TLS: {error}"))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let client = Client::builder()
        .retry(reqwest::retry::never())
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .http1_only()
        .timeout(PUSH_WITHIN)
        .user_agent(concat!("stampede/", env!("CARGO_PKG_VERSION")))
        .tls_backend_preconfigured(tls);
    client.build().map_err(|error| format!("make a client for the collector: {}", chain(&error)))
}

/// An error with its causes.
fn chain(error: &dyn Error) -> String {
    let (mut told, mut cause) = (error.to_string(), error.source());
    while let Some(deeper) = cause {
        told = format!("{told}: {deeper}");
        cause = deeper.source();
    }
    told
}

/// Nanoseconds of Unix time, for labels.
fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

const PATH: &str = "/v1/metrics";
const PROTOBUF: &str = "application/x-protobuf";
const EVERY: Duration = Duration::from_secs(5);
/// A push that takes longer has failed: the next one is due.
const PUSH_WITHIN: Duration = Duration::from_secs(4);
/// One push may be under way when the run ends, and another one follows.
const END_WITHIN: Duration = Duration::from_secs(9);
/// What a collector answers is a few bytes.
const ANSWER_MAX: usize = 64 << 10;

#[cfg(test)]
mod tests;
