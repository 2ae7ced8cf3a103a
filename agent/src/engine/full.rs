//! The full client: reqwest, for what the lean one does not speak (HTTP/2 for now).
//!
//! No retries, no redirects, no proxies from the environment: one arrival, one request. The moment of the first
//! byte cannot be seen from outside, so "sent" is the moment at which the request is handed to it, and making a
//! connection counts into the service time. Its bytes are those of the bodies.

use crate::allow::AllowList;
use crate::connect::{Connector, Failure, check_host_literal, client_config, guarded_resolver, outcome_of};
use crate::engine::ended::{Answered, Ended, Job};
use crate::engine::worker::Worker;
use common::outcome::Outcome;
use common::plan::{Plan, Scheme, Tls};
use common::script::{Message, Script};
use common::time::RunTime;
use slab::Slab;
use std::cell::RefCell;
use std::error::Error;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::AbortHandle;

/// One reqwest client per engine thread.
pub(super) struct Full {
    client: reqwest::Client,
    /// By [`Job::request`].
    requests: Vec<reqwest::Request>,
    timeouts: Vec<Duration>,
    flying: RefCell<Slab<(Job, Option<AbortHandle>)>>,
    connector: Connector,
}

/// A whole answer, or why there is none.
type Exchange = Result<(u16, RunTime, u64), Outcome>;

impl Full {
    pub(super) fn new(plan: &Plan, script: &Script, allow: &Arc<AllowList>) -> Result<Self, String> {
        let target = &plan.target;
        // In the clear nothing is verified, but without a configuration the builder looks for the process's TLS
        // provider and panics.
        let unused = Tls { ca: None, verify: false };
        let tls = if target.base_url.scheme == Scheme::Http { &unused } else { &target.tls };
        let mut builder = reqwest::Client::builder()
            .retry(reqwest::retry::never())
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .tcp_nodelay(true)
            .pool_idle_timeout(None)
            .dns_resolver(guarded_resolver(Arc::clone(allow)))
            .user_agent(concat!("stampede/", env!("CARGO_PKG_VERSION")))
            .tls_backend_preconfigured(client_config(tls, &[b"h2"])?);
        if target.base_url.scheme == Scheme::Http {
            builder = builder.http2_prior_knowledge();
        }
        let client =
            builder.build().map_err(|error| format!("build the HTTP/2 client: {}", chain(&error)))?;
        let build = |(scenario, step): (usize, usize)| {
            let message = script.fixed(scenario, step).cloned().unwrap_or_default();
            let name = &plan.scenarios[scenario].steps[step].name;
            request(&client, plan, &message).map_err(|why| format!("build the request {name}: {why}"))
        };
        let requests = plan.steps().map(build).collect::<Result<Vec<_>, _>>()?;
        for request in &requests {
            check_host_literal(request.url(), allow).map_err(|denied| denied.to_string())?;
        }
        Ok(Self {
            client,
            requests,
            timeouts: plan
                .steps()
                .map(|(scenario, step)| plan.scenarios[scenario].steps[step].timeout)
                .collect(),
            flying: RefCell::default(),
            connector: Connector::new(target, Arc::clone(allow))?,
        })
    }

    /// Tells why the target cannot be reached.
    pub(super) async fn reach(&self) -> Result<(), String> {
        let made = tokio::time::timeout(REACH_WITHIN, self.connector.reach()).await;
        let made = made.map_err(|_| format!("no connection within {REACH_WITHIN:?}: is the target up?"))?;
        made.map_err(Failure::with_remedy)
    }

    pub(super) fn fire(&self, worker: &Rc<Worker>, job: Job) {
        let key = self.flying.borrow_mut().insert((job, None));
        let task = tokio::task::spawn_local(exchange(Rc::clone(worker), key, job));
        if let Some(flying) = self.flying.borrow_mut().get_mut(key) {
            flying.1 = Some(task.abort_handle());
        }
    }

    /// Gives up every request of a scenario.
    pub(super) fn abandon(&self, worker: &Worker, scenario: usize) {
        let which = |(key, flying): (usize, &(Job, Option<AbortHandle>))| {
            (flying.0.scenario == scenario).then_some(key)
        };
        let keys: Vec<usize> = self.flying.borrow().iter().filter_map(which).collect();
        for key in keys {
            let (job, task) = self.flying.borrow_mut().remove(key);
            if let Some(task) = task {
                task.abort();
            }
            worker.abandon(&job);
        }
    }

    async fn send(&self, worker: &Worker, job: &Job) -> Exchange {
        let mut request = self.requests[job.request].try_clone().ok_or(Outcome::Protocol)?;
        if worker.plan.target.identify {
            let arrival = format!("{}:{}", worker.plan.scenarios[job.scenario].name, job.due.k);
            let value = arrival.parse().map_err(|_| Outcome::Protocol)?;
            request.headers_mut().insert("x-stampede-arrival", value);
        }
        let mut response = self.client.execute(request).await.map_err(|error| classify(&error, false))?;
        let (status, first_byte) = (response.status().as_u16(), worker.now());
        let mut body = 0;
        while let Some(chunk) = response.chunk().await.map_err(|error| classify(&error, true))? {
            body += chunk.len() as u64;
        }
        Ok((status, first_byte, body))
    }
}

async fn exchange(worker: Rc<Worker>, key: usize, job: Job) {
    let Some(full) = worker.as_full() else { return };
    let sent = worker.now();
    let limited = tokio::time::timeout(full.timeouts[job.request], full.send(&worker, &job));
    let outcome = limited.await.unwrap_or(Err(Outcome::Timeout));
    full.flying.borrow_mut().remove(key);
    let bytes_out =
        full.requests[job.request].body().and_then(|body| body.as_bytes()).map_or(0, <[u8]>::len) as u64;
    let done = worker.now();
    let blank = Ended {
        job,
        outcome: Outcome::Ok,
        sent: Some(sent),
        answer: None,
        done,
        bytes_in: 0,
        bytes_out,
        connect: None,
    };
    worker.settle(&match outcome {
        Ok((status, first_byte, body_bytes)) => Ended {
            outcome: worker.judge(&job, status),
            answer: Some(Answered { status, first_byte, body_bytes }),
            bytes_in: body_bytes,
            ..blank
        },
        Err(outcome) => Ended { outcome, ..blank },
    });
}

fn request(client: &reqwest::Client, plan: &Plan, message: &Message) -> Result<reqwest::Request, String> {
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

/// What an error of reqwest means for the request.
fn classify(error: &reqwest::Error, in_body: bool) -> Outcome {
    if in_body {
        Outcome::Body
    } else if error.is_connect() {
        outcome_of(error)
    } else {
        Outcome::Reset
    }
}

/// An error with its causes, in one line.
fn chain(error: &(dyn Error + 'static)) -> String {
    std::iter::successors(error.source(), |cause| (*cause).source())
        .fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

const REACH_WITHIN: Duration = Duration::from_secs(10);
