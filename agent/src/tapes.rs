//! The tapes of replayed logs: found by their hashes or fetched, checked, attached to the plan.
//!
//! A tape may be larger than the memory, so it is a file here too: the controller's own on the same machine, else a
//! copy. Without a folder for them, copies have no name: whatever becomes of the agent, the disk is free after it.

use crate::Agent;
use crate::fetch::{Meter, Way};
use common::plan::{Plan, Reel};
use common::tape::Tape;
use proto::v1;
use std::collections::BTreeMap;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

mod file;

use file::Found;

/// The tapes of the present run. They are needed again when its preparation begins anew.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tapes {
    kept: Arc<Mutex<BTreeMap<[u8; 32], Opened>>>,
}

/// A tape, and what is told of where it is.
#[derive(Clone, Debug)]
struct Opened {
    tape: Arc<Tape>,
    place: String,
}

/// A tape that is looked for.
#[derive(Clone, Debug)]
struct Wanted {
    hash: [u8; 32],
    /// Where the controller has it.
    path: PathBuf,
    /// As the controller says.
    bytes: u64,
}

impl Tapes {
    /// Gives every replay of the plan of an assignment its tape. The error is for the operator.
    pub(crate) async fn attach(
        &self,
        mut plan: Plan,
        assignment: &v1::Assignment,
        agent: &Agent,
        meter: &Meter,
    ) -> Result<Plan, String> {
        let hashes: Vec<_> = plan.replays().map(|(scenario, load)| (scenario, load.tape.hash)).collect();
        let mut present = BTreeMap::new();
        let mut way = Way::default();
        for (place, (scenario, hash)) in hashes.into_iter().enumerate() {
            let hash =
                hash.ok_or("the plan names no tape for its log: are both sides of the same version?")?;
            let path = assignment.tapes.get(place).map(PathBuf::from).unwrap_or_default();
            let bytes = assignment.tape_bytes.get(place).copied().unwrap_or_default();
            let wanted = Wanted { hash, path, bytes };
            let known = present.get(&hash).cloned().or_else(|| self.get(&hash));
            let opened = match known {
                Some(opened) => {
                    meter.add("preparing", bytes);
                    opened
                }
                None => open(wanted, agent, &mut way, meter).await?,
            };
            plan.attach(scenario, Arc::clone(&opened.tape), opened.place.clone());
            present.insert(hash, opened);
        }
        *self.kept.lock().unwrap_or_else(PoisonError::into_inner) = present;
        Ok(plan)
    }

    /// The run is over: its tapes are nobody's.
    pub(crate) fn forget(&self) {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    fn get(&self, hash: &[u8; 32]) -> Option<Opened> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).get(hash).cloned()
    }
}

/// The controller's file if it is here, the copy of an earlier run, or a new one.
async fn open(wanted: Wanted, agent: &Agent, way: &mut Way, meter: &Meter) -> Result<Opened, String> {
    let kept =
        agent.cache_dir.as_ref().map(|folder| folder.join(format!("{}.tape", Reel::hex(&wanted.hash))));
    let places = [Some(wanted.path.clone()), kept.clone()];
    let found = {
        let (wanted, meter) = (wanted.clone(), meter.clone());
        // A tape may have gigabytes, and heartbeats must go on.
        let look = move || places.into_iter().flatten().find_map(|place| file::at(&place, &wanted, &meter));
        tokio::task::spawn_blocking(look).await.map_err(|error| error.to_string())?
    };
    let Found { file, place } = match found {
        Some(found) => found,
        None => fetch(&wanted, kept, agent, way, meter).await.map_err(|why| {
            format!(
                "fetch the tape {} of the replayed log from the controller: {why}",
                Reel::hex(&wanted.hash)
            )
        })?,
    };
    let size = file.metadata().map_err(|error| format!("read the tape {place}: {error}"))?.len();
    let read =
        move |at: u64, into: &mut [u8]| file.read_exact_at(into, at).map_err(|error| error.to_string());
    let tape = Tape::open(size, Box::new(read)).map_err(|error| error.to_string())?;
    Ok(Opened { tape: Arc::new(tape), place })
}

/// Brings a tape here as a stream: `kept`, when it is to be there for the next run.
async fn fetch(
    wanted: &Wanted,
    kept: Option<PathBuf>,
    agent: &Agent,
    way: &mut Way,
    meter: &Meter,
) -> Result<Found, String> {
    let mut pieces = way.open(agent, &wanted.hash).await?;
    let (queue, incoming) = tokio::sync::mpsc::channel(QUEUE);
    let writer = {
        let (wanted, meter) = (wanted.clone(), meter.clone());
        // The disk is written beside the control thread: heartbeats must go on.
        tokio::task::spawn_blocking(move || file::write(incoming, kept.as_deref(), &wanted, &meter))
    };
    while let Some(piece) = pieces.next().await? {
        // A writer that is gone has told why.
        if queue.send(piece).await.is_err() {
            break;
        }
    }
    drop(queue);
    writer.await.map_err(|error| error.to_string())?
}

/// Pieces of a tape that wait to be written.
const QUEUE: usize = 8;
