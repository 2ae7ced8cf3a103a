//! The tapes of replayed logs: found by their hash, checked, attached to the plan.

use common::plan::{Plan, Reel};
use common::tape::Tape;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::Read;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

/// Gives every replay of the plan its tape. `paths`: where the controller keeps them, in the order of the replays.
pub(crate) async fn attach(mut plan: Plan, paths: Vec<String>) -> Result<Plan, String> {
    if plan.replays().next().is_none() {
        return Ok(plan);
    }
    // A tape may have gigabytes, and heartbeats must go on.
    let attached = tokio::task::spawn_blocking(move || {
        let hashes: Vec<_> = plan.replays().map(|(scenario, load)| (scenario, load.tape.hash)).collect();
        for (place, (scenario, hash)) in hashes.into_iter().enumerate() {
            let hash =
                hash.ok_or("the plan names no tape for its log: are both sides of the same version?")?;
            let path = paths.get(place).map_or("", String::as_str);
            let tape = open(Path::new(path), &hash)?;
            plan.attach(scenario, Arc::new(tape), path.to_owned());
        }
        Ok(plan)
    });
    attached.await.map_err(|error| error.to_string())?
}

/// Opens a tape that has this hash.
fn open(path: &Path, hash: &[u8; 32]) -> Result<Tape, String> {
    let tell = |error: std::io::Error| {
        format!("read the tape {} of the replayed log at {}: {error}", Reel::hex(hash), path.display())
    };
    let mut file = File::open(path).map_err(tell)?;
    let (mut hasher, mut buffer, mut size) = (Sha256::new(), vec![0; 1 << 20], 0_u64);
    loop {
        let read = file.read(&mut buffer).map_err(tell)?;
        if read == 0 {
            break;
        }
        hasher.update(&buffer[..read]);
        size += read as u64;
    }
    if hasher.finalize()[..] != hash[..] {
        return Err(format!("the file {} is not the tape that the plan names", path.display()));
    }
    let read =
        move |at: u64, into: &mut [u8]| file.read_exact_at(into, at).map_err(|error| error.to_string());
    Tape::open(size, Box::new(read)).map_err(|error| error.to_string())
}
