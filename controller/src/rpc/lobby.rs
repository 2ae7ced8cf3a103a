//! Where agents wait between runs, and the way from their streams to the run that is on.
//!
//! The gRPC service outlives runs: what an agent says goes to the run that was present when its stream said Hello, and
//! ends with it. An agent that says Hello while none is present stays, is told every now and then that there is nothing
//! to do, and is let into the next run by the same Hello.

use super::Event;
use crate::collect::Collector;
use crate::files::Files;
use common::human::printable;
use proto::v1::{self, reject::Code};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, mpsc, watch};

/// Where agents wait between runs.
#[derive(Debug)]
pub struct Lobby {
    present: watch::Sender<Option<Arc<Present>>>,
    waiting: Mutex<BTreeMap<u64, Waiter>>,
    /// Somebody came in.
    entered: Notify,
    /// Whether there may be another run after this one.
    lasting: bool,
}

/// The run that is on, as its agents' streams need it.
#[derive(Debug)]
pub struct Present {
    /// Where events go.
    pub events: mpsc::Sender<Event>,
    /// The state of the run in one word.
    pub state: watch::Receiver<&'static str>,
    /// +1 at every start of a controller on the same data.
    pub epoch: u64,
    /// What agents may fetch.
    pub files: Arc<Files>,
    /// The same for tapes of replayed logs: their SHA-256 and where they are.
    pub tapes: Arc<[(Vec<u8>, PathBuf)]>,
    /// Who takes the agents' rows, when they are to keep some.
    pub collector: Option<Collector>,
}

#[derive(Debug)]
struct Waiter {
    name: String,
    instance: String,
}

/// A place in the lobby; given back when dropped.
#[derive(Debug)]
pub struct Place {
    lobby: Arc<Lobby>,
    number: u64,
}

impl Lobby {
    /// An empty lobby; `lasting`: whether agents wait for the next run.
    #[must_use]
    pub fn new(lasting: bool) -> Self {
        Self { present: watch::Sender::new(None), waiting: Mutex::default(), entered: Notify::new(), lasting }
    }

    /// Whether agents wait for the next run.
    #[must_use]
    pub const fn is_lasting(&self) -> bool {
        self.lasting
    }

    /// The run that is on; changes are told.
    #[must_use]
    pub fn present(&self) -> watch::Receiver<Option<Arc<Present>>> {
        self.present.subscribe()
    }

    /// A run begins: those who wait are let in.
    pub fn open(&self, present: Present) {
        self.present.send_replace(Some(Arc::new(present)));
    }

    /// The run is over.
    pub fn close(&self) {
        self.present.send_replace(None);
    }

    /// The names of those who wait, sorted.
    #[must_use]
    pub fn waiting(&self) -> Vec<String> {
        let mut names: Vec<String> = self.lock().values().map(|waiter| waiter.name.clone()).collect();
        names.sort();
        names
    }

    /// Waits until all of these are here again, or for so long.
    pub async fn gather(&self, names: &[String], within: Duration) {
        let all = async {
            loop {
                let entered = self.entered.notified();
                tokio::pin!(entered);
                entered.as_mut().enable();
                let here = self.waiting();
                if names.iter().all(|name| here.contains(name)) {
                    return;
                }
                entered.await;
            }
        };
        // Whoever does not come back is not waited for.
        tokio::time::timeout(within, all).await.unwrap_or_default();
    }

    /// Gives an agent a place, or says why not.
    pub fn enter(self: &Arc<Self>, hello: &v1::Hello) -> Result<Place, v1::Reject> {
        if let Some(refusal) = refusal(hello) {
            return Err(refusal);
        }
        let (name, instance) = (hello.agent_name.clone(), hello.instance_id.clone());
        let mut waiting = self.lock();
        // A newer stream of the same process: the older one is not coming back.
        waiting.retain(|_, waiter| waiter.instance != instance);
        if waiting.values().any(|waiter| waiter.name == name) {
            let remedy = format!("an agent named {name} is joined already: give this one another --name");
            return Err(reject(Code::NameTaken, remedy));
        }
        if waiting.len() >= WAITING_MAX {
            return Err(reject(Code::NotNeeded, format!("{WAITING_MAX} agents wait already")));
        }
        let number = waiting.last_key_value().map_or(0, |(last, _)| last + 1);
        waiting.insert(number, Waiter { name, instance });
        self.entered.notify_waiters();
        Ok(Place { lobby: Arc::clone(self), number })
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<u64, Waiter>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    /// Whether it is still this agent's: a newer stream of it takes its place.
    #[must_use]
    pub fn is_kept(&self) -> bool {
        self.lobby.lock().contains_key(&self.number)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.lobby.lock().remove(&self.number);
    }
}

/// Why an agent can take part in no run of this controller, if so.
#[must_use]
pub fn refusal(hello: &v1::Hello) -> Option<v1::Reject> {
    let (low, high) = (*proto::PROTOCOL.start(), *proto::PROTOCOL.end());
    let (min, max) = (hello.protocol_min, hello.protocol_max);
    if max < low || min > high {
        let build: String = printable(&hello.build).chars().take(BUILD_MAX).collect();
        let ours = env!("CARGO_PKG_VERSION");
        let remedy = format!(
            "it speaks protocol {min}..{max}, this controller {low}..{high}: run the same version on both (agent \
             {build}, controller {ours})"
        );
        return Some(reject(Code::Version, remedy));
    }
    let name = &hello.agent_name;
    if name.is_empty() || name.len() > NAME_BYTES_MAX || printable(name) != *name {
        let remedy = "its name is empty, too long or not printable: use --name";
        return Some(reject(Code::Malformed, remedy.into()));
    }
    None
}

fn reject(code: Code, remedy: String) -> v1::Reject {
    v1::Reject { code: code.into(), remedy }
}

/// Characters of a build's name that a message shows.
const BUILD_MAX: usize = 100;
const NAME_BYTES_MAX: usize = 64;
/// More agents than this do not wait.
const WAITING_MAX: usize = 10_000;
