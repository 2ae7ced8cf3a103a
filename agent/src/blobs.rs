//! Files of plans: fetched from the controller by their hashes, kept while they fit.

use crate::Agent;
use crate::fetch::{Meter, Way};
use common::plan::file_hash;
use proto::v1;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// What was fetched, newest last. Shared by all runs of a process.
#[derive(Clone, Debug, Default)]
pub(crate) struct Blobs {
    kept: Arc<Mutex<Vec<Kept>>>,
}

/// A file under its SHA-256.
type Kept = (Vec<u8>, Arc<[u8]>);

impl Blobs {
    /// The files of an assignment, by their paths as the plan names them. The error is for the operator.
    pub(crate) async fn fetch(
        &self,
        agent: &Agent,
        files: &[v1::PlanFile],
        meter: &Meter,
    ) -> Result<BTreeMap<String, Arc<[u8]>>, String> {
        let total = files.iter().fold(0_u64, |sum, file| sum.saturating_add(file.size));
        if total > TOTAL_MAX {
            return Err(format!(
                "the files of the plan have {total} bytes together: at most {TOTAL_MAX} are taken"
            ));
        }
        let (mut way, mut fetched) = (Way::default(), BTreeMap::new());
        for file in files {
            let bytes = match self.get(&file.sha256) {
                Some(bytes) => {
                    meter.add("preparing", file.size);
                    bytes
                }
                None => {
                    let bytes = download(agent, &mut way, file, meter).await;
                    let bytes =
                        bytes.map_err(|why| format!("fetch {} from the controller: {why}", file.path))?;
                    self.keep(&file.sha256, &bytes);
                    bytes
                }
            };
            fetched.insert(file.path.clone(), bytes);
        }
        Ok(fetched)
    }

    fn get(&self, hash: &[u8]) -> Option<Arc<[u8]>> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let at = kept.iter().position(|(own, _)| own == hash)?;
        // What was used last goes last.
        let found = kept.remove(at);
        let bytes = Arc::clone(&found.1);
        kept.push(found);
        Some(bytes)
    }

    fn keep(&self, hash: &[u8], bytes: &Arc<[u8]>) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.push((hash.to_vec(), Arc::clone(bytes)));
        while kept.iter().map(|(_, bytes)| bytes.len()).sum::<usize>() > KEPT_MAX {
            kept.remove(0);
        }
    }
}

async fn download(
    agent: &Agent,
    way: &mut Way,
    file: &v1::PlanFile,
    meter: &Meter,
) -> Result<Arc<[u8]>, String> {
    let mut pieces = way.open(agent, &file.sha256).await?;
    let doing = format!("fetching {}", file.path);
    // The controller's word for the size reserves nothing: memory grows with what comes.
    let mut bytes = Vec::new();
    while let Some(piece) = pieces.next().await? {
        bytes.extend_from_slice(&piece);
        if bytes.len() as u64 > file.size {
            return Err(format!("more came than its {} bytes", file.size));
        }
        meter.add(&doing, piece.len() as u64);
    }
    if file_hash(&bytes).as_slice() != file.sha256 {
        return Err(
            "it is not the file that was checked: was it changed since the run was started?".to_owned()
        );
    }
    Ok(bytes.into())
}

/// Bytes of all files of a plan.
const TOTAL_MAX: u64 = 4 << 30;
/// Bytes that are kept for the next run.
const KEPT_MAX: usize = 256 << 20;
