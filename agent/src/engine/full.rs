//! The full client: reqwest, for what the lean one does not speak: HTTP/2 and redirects.
//!
//! No retries, no proxies from the environment: one arrival, one request, and the redirects that the plan asks for. The
//! moment of the first byte cannot be seen from outside, so "sent" is the moment at which the request is handed to it,
//! and making a connection counts into the service time, as redirects do. Its bytes are those of the bodies.

mod build;
mod follow;

use crate::allow::AllowList;
use crate::connect::{Connector, Failure, check_host_literal, outcome_of};
use crate::engine::ended::{Answered, Ended, Job};
use crate::engine::judge::Watch;
use crate::engine::visitors::wall_seconds;
use crate::engine::worker::Worker;
use crate::http1::{Keep, Kept};
use build::{clients, request};
use common::answer::{Failed, Fields};
use common::cookies::Place;
use common::outcome::Outcome;
use common::plan::Plan;
use common::script::{Message, Script};
use common::time::RunTime;
use reqwest::header::{COOKIE, SET_COOKIE};
use reqwest::{Request, Response, Url};
use slab::Slab;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::AbortHandle;

/// The reqwest clients of one engine thread.
pub(super) struct Full {
    /// One, or one for each source address, in turn.
    clients: Vec<reqwest::Client>,
    next: Cell<usize>,
    /// By [`Job::request`]; `None`: put together anew each time.
    requests: Vec<Option<Request>>,
    timeouts: Vec<Duration>,
    flying: RefCell<Slab<(Job, Option<AbortHandle>)>>,
    connector: Connector,
    allow: Arc<AllowList>,
}

/// A whole answer.
struct Whole {
    status: u16,
    first_byte: RunTime,
    body_bytes: u64,
    kept: Option<Box<Kept>>,
    /// Why it is not the one that was wanted.
    failed: Option<Failed>,
}

impl Full {
    pub(super) fn new(plan: &Plan, script: &Script, allow: &Arc<AllowList>) -> Result<Self, String> {
        let clients = clients(plan, script, allow)?;
        let build = |(scenario, step): (usize, usize)| {
            let Some(message) = script.fixed(scenario, step) else { return Ok(None) };
            let name = &plan.scenarios[scenario].steps[step].name;
            let built = request(&clients[0], plan, message);
            built.map(Some).map_err(|why| format!("build the request {name}: {why}"))
        };
        let requests = plan.steps().map(build).collect::<Result<Vec<_>, _>>()?;
        let base = Url::parse(&plan.target.base_url.to_string()).map_err(|error| error.to_string())?;
        if plan.target.connection.unix.is_none() {
            check_host_literal(&base, allow).map_err(|denied| denied.to_string())?;
        }
        let timeout = |(scenario, step): (usize, usize)| plan.scenarios[scenario].steps[step].timeout;
        Ok(Self {
            clients,
            next: Cell::new(0),
            requests,
            timeouts: plan.steps().map(timeout).collect(),
            flying: RefCell::default(),
            connector: Connector::new(&plan.target, None, Arc::clone(allow))?,
            allow: Arc::clone(allow),
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

    /// The request of a job, cookies apart.
    fn request(&self, worker: &Worker, job: &Job) -> Result<Request, Outcome> {
        let mut request = match &self.requests[job.request] {
            Some(request) => request.try_clone().ok_or(Outcome::Protocol)?,
            None => {
                let mut message = Message::default();
                worker.message(job, &mut message).map_err(|_| Outcome::NotRendered)?;
                request(&self.clients[0], &worker.plan, &message).map_err(|_| Outcome::NotRendered)?
            }
        };
        if worker.plan.target.identify {
            let arrival = format!("{}:{}", worker.plan.scenarios[job.scenario].name, job.due.k);
            let value = arrival.parse().map_err(|_| Outcome::Protocol)?;
            request.headers_mut().insert("x-stampede-arrival", value);
        }
        Ok(request)
    }

    /// Sends a request and what it is redirected to.
    async fn send(&self, worker: &Worker, job: &Job, mut request: Request) -> Result<Whole, Outcome> {
        let turn = self.next.replace(self.next.get().wrapping_add(1));
        let client = &self.clients[turn % self.clients.len()];
        let most = worker.plan.scenarios[job.scenario].steps[job.step].redirects;
        let (mut hops, mut first_byte, mut before) = (0, None, 0);
        loop {
            self.add_cookies(worker, job, &mut request);
            let sent = request.try_clone().ok_or(Outcome::Protocol)?;
            let mut response = client.execute(sent).await.map_err(|error| classify(&error, false))?;
            let first_byte = *first_byte.get_or_insert_with(|| worker.now());
            take_cookies(worker, job, &response, request.url());
            let next = follow::follow(&request, response.status(), response.headers()).filter(|_| most > 0);
            let Some(next) = next.filter(|_| hops < most) else {
                let too_many = hops == most && most > 0 && is_redirect(&request, &response);
                let whole = read(worker, job, response, before).await?;
                let failed = too_many
                    .then(|| Failed { check: "redirects".to_owned(), found: format!("more than {most}") });
                return Ok(Whole { first_byte, failed, ..whole });
            };
            // What redirects say beside where to go is read, so that the connection can be used again.
            while let Some(chunk) = response.chunk().await.map_err(|error| classify(&error, true))? {
                before += chunk.len() as u64;
            }
            check_host_literal(next.url(), &self.allow).map_err(|_| Outcome::TargetDenied)?;
            (request, hops) = (next, hops + 1);
        }
    }

    fn add_cookies(&self, worker: &Worker, job: &Job, request: &mut Request) {
        if !worker.visitors.keeps_cookies(job.scenario) {
            return;
        }
        request.headers_mut().remove(COOKIE);
        let url = request.url().clone();
        let header = worker.visitors.header(worker.owner(job), &place(&url));
        if let Some(value) = header.and_then(|header| header.parse().ok()) {
            request.headers_mut().insert(COOKIE, value);
        }
    }
}

async fn exchange(worker: Rc<Worker>, key: usize, job: Job) {
    let Some(full) = worker.as_full() else { return };
    let sent = worker.now();
    let mut bytes_out = 0;
    let outcome = match full.request(&worker, &job) {
        Ok(request) => {
            bytes_out = request.body().and_then(|body| body.as_bytes()).map_or(0, <[u8]>::len) as u64;
            let limited = tokio::time::timeout(full.timeouts[job.request], full.send(&worker, &job, request));
            limited.await.unwrap_or(Err(Outcome::Timeout))
        }
        Err(outcome) => Err(outcome),
    };
    full.flying.borrow_mut().remove(key);
    let done = worker.now();
    let sent = if matches!(outcome, Err(Outcome::NotRendered)) { None } else { Some(sent) };
    let blank =
        Ended { job, outcome: Outcome::Ok, sent, answer: None, done, bytes_in: 0, bytes_out, connect: None };
    match outcome {
        Ok(Whole { status, first_byte, body_bytes, kept, failed }) => {
            let answer = Some(Answered { status, first_byte, body_bytes });
            let ended = Ended { answer, bytes_in: body_bytes, ..blank };
            worker.judge(&ended, kept, failed);
        }
        Err(outcome) => worker.settle(&Ended { outcome, ..blank }),
    }
}

/// Reads an answer to its end and keeps what its step looks at.
async fn read(worker: &Worker, job: &Job, mut response: Response, before: u64) -> Result<Whole, Outcome> {
    let status = response.status().as_u16();
    let (mut kept, mut body_bytes) = (None, before);
    let step = &worker.plan.scenarios[job.scenario].steps[job.step];
    let look = worker.looks[job.request];
    let mut watch = Watch { look, step, shelf: &worker.shelf, kept: &mut kept };
    if watch.wants(status) {
        watch.head(status, &lines(&response));
    }
    while let Some(chunk) = response.chunk().await.map_err(|error| classify(&error, true))? {
        watch.body(&chunk);
        body_bytes += chunk.len() as u64;
    }
    Ok(Whole { status, first_byte: RunTime::ZERO, body_bytes, kept, failed: None })
}

/// Header lines as HTTP/1.1 would have them.
fn lines(response: &Response) -> Vec<u8> {
    let mut lines = Vec::new();
    for (name, value) in response.headers() {
        lines.extend_from_slice(name.as_str().as_bytes());
        lines.extend_from_slice(b": ");
        lines.extend_from_slice(value.as_bytes());
        lines.extend_from_slice(b"\r\n");
    }
    lines
}

fn take_cookies(worker: &Worker, job: &Job, response: &Response, url: &Url) {
    if worker.visitors.keeps_cookies(job.scenario) && response.headers().contains_key(SET_COOKIE) {
        let head = lines(response);
        worker.visitors.with_jar(worker.owner(job), |jar| jar.take(&Fields::of(&head), &place(url)));
    }
}

fn is_redirect(request: &Request, response: &Response) -> bool {
    follow::follow(request, response.status(), response.headers()).is_some()
}

fn place(url: &Url) -> Place<'_> {
    let host = url.host_str().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
    Place { host, path: url.path(), secure: url.scheme() == "https", now: wall_seconds() }
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

const REACH_WITHIN: Duration = Duration::from_secs(10);
