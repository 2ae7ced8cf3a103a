//! The agents' rows, coming in: each agent brings one file, which is kept when it is whole.

use common::report::{RowsFile, RowsKept};
use common::run::SessionId;
use proto::v1;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;
use tokio_stream::{Stream, StreamExt};
use tonic::Status;

/// Takes the rows of a run; its clones are one.
#[derive(Clone, Debug)]
pub struct Collector {
    folder: PathBuf,
    run_id: String,
    files: Arc<watch::Sender<Files>>,
}

/// What came of every agent that took part.
#[derive(Debug, Default)]
struct Files {
    sessions: BTreeMap<SessionId, (RowsFile, Standing)>,
    /// Grows with every chunk, so that whoever waits sees that something goes on.
    chunks: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    Expected,
    Done,
}

impl Collector {
    /// Nothing is there yet; what comes goes into `folder`, which exists.
    #[must_use]
    pub fn new(folder: PathBuf, run_id: &str) -> Self {
        Self { folder, run_id: run_id.to_owned(), files: Arc::new(watch::Sender::default()) }
    }

    /// This agent takes part: it will have rows.
    pub fn expect(&self, session: SessionId, agent: &str) {
        self.files.send_modify(|files| {
            let file = RowsFile { agent: agent.to_owned(), ..RowsFile::default() };
            files.sessions.entry(session).or_insert((file, Standing::Expected));
        });
    }

    /// Takes what an agent brings; fails with what is wrong with it, or with this machine.
    pub async fn receive(
        &self,
        mut chunks: impl Stream<Item = Result<v1::RowsChunk, Status>> + Unpin,
    ) -> Result<(), String> {
        let first = chunks.next().await.and_then(Result::ok).and_then(|first| first.head);
        let head = first.ok_or("the first message of rows must be their head")?;
        let session = head.session_id;
        let expected = self.files.borrow().sessions.get(&session).map(|(file, _)| file.agent.clone());
        let agent = expected.filter(|_| head.run_id == self.run_id).ok_or("nobody asked for these rows")?;
        let received = self.store(&head, &agent, &mut chunks).await;
        self.files.send_modify(|files| {
            let Some((file, standing)) = files.sessions.get_mut(&session) else { return };
            (file.rows, file.dropped, file.bytes) = (head.rows, head.dropped, head.bytes);
            match &received {
                Ok(name) => {
                    let failed = Some(head.failed.clone()).filter(|why| !why.is_empty());
                    (file.file, file.problem, *standing) = (Some(name.clone()), failed, Standing::Done);
                }
                // It may try again.
                Err(why) => (file.rows, file.problem) = (0, Some(why.clone())),
            }
        });
        received.map(drop)
    }

    /// Returns the name of the file.
    async fn store(
        &self,
        head: &v1::RowsHead,
        agent: &str,
        chunks: &mut (impl Stream<Item = Result<v1::RowsChunk, Status>> + Unpin),
    ) -> Result<String, String> {
        let name = self.file_name(head.session_id, agent);
        let path = self.folder.join(&name);
        let (pass, passed) = mpsc::channel(CHUNKS);
        let expected = (head.bytes, head.sha256.clone());
        // The disk may be slow, and the leases of others are answered on this thread.
        let writing = tokio::task::spawn_blocking(move || write(&path, passed, &expected));
        loop {
            match timeout(SILENCE, chunks.next()).await {
                Ok(Some(Ok(chunk))) => {
                    self.files.send_modify(|files| files.chunks += 1);
                    if pass.send(chunk.data).await.is_err() {
                        break;
                    }
                }
                Ok(None) => break,
                Ok(Some(Err(status))) => return Err(format!("its connection broke: {}", status.code())),
                Err(_) => return Err(format!("nothing came for {SILENCE:?}")),
            }
        }
        drop(pass);
        writing.await.map_err(|error| error.to_string())?.map(|()| name)
    }

    /// The agent's name; two agents may have gone by it, one after the other.
    fn file_name(&self, session: SessionId, agent: &str) -> String {
        let is_plain = |c: char| c.is_alphanumeric() || "-_.".contains(c);
        let plain: String = agent.chars().map(|c| if is_plain(c) { c } else { '_' }).collect();
        // No hidden file, and nothing that leads out of the folder.
        let plain = plain.trim_start_matches('.');
        let plain = if plain.is_empty() { "agent" } else { plain };
        let files = self.files.borrow();
        let is_taken = |name: &String| {
            files.sessions.iter().any(|(own, (file, _))| *own != session && file.file.as_ref() == Some(name))
        };
        let mut n = 1;
        let mut name = format!("{plain}.csv.zst");
        while is_taken(&name) {
            n += 1;
            name = format!("{plain}-{n}.csv.zst");
        }
        name
    }

    /// Waits until everybody's rows are here, or until nothing goes on any more.
    pub async fn settle(&self) -> RowsKept {
        let mut watched = self.files.subscribe();
        loop {
            let is_settled = watched
                .borrow_and_update()
                .sessions
                .values()
                .all(|(_, standing)| *standing == Standing::Done);
            if is_settled || timeout(SILENCE, watched.changed()).await.is_err() {
                break;
            }
        }
        let told = |(file, standing): &(RowsFile, Standing)| {
            let mut file = file.clone();
            if *standing == Standing::Expected && file.problem.is_none() {
                file.problem = Some(format!("it did not bring them within {SILENCE:?}"));
            }
            file
        };
        let mut files: Vec<RowsFile> = self.files.borrow().sessions.values().map(told).collect();
        files.sort_by(|one, other| one.agent.cmp(&other.agent));
        RowsKept { folder: self.folder.display().to_string(), files }
    }
}

/// Writes what comes under another name first: a file that is there is whole.
fn write(
    path: &Path,
    mut data: mpsc::Receiver<Vec<u8>>,
    (bytes, sha256): &(u64, Vec<u8>),
) -> Result<(), String> {
    let part = path.with_extension("part");
    let failed = |error: std::io::Error| format!("write {}: {error}", part.display());
    let mut file = File::create(&part).map_err(failed)?;
    let (mut digest, mut length) = (Sha256::new(), 0);
    while let Some(chunk) = data.blocking_recv() {
        length += chunk.len() as u64;
        if length > *bytes {
            break;
        }
        digest.update(&chunk);
        file.write_all(&chunk).map_err(failed)?;
    }
    if length != *bytes || digest.finalize().as_slice() != sha256 {
        // Nobody misses half a file that comes again.
        std::fs::remove_file(&part).unwrap_or_default();
        return Err(format!("{length} bytes came that are not the {bytes} that were announced"));
    }
    std::fs::rename(&part, path).map_err(failed)
}

/// Chunks that wait for the disk.
const CHUNKS: usize = 4;
/// An agent that brings nothing for so long brings nothing more.
const SILENCE: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::*;

    fn head(session_id: u64, data: &[u8]) -> v1::RowsHead {
        let sha256 = Sha256::digest(data).to_vec();
        v1::RowsHead {
            run_id: "r".into(),
            session_id,
            bytes: data.len() as u64,
            sha256,
            rows: 3,
            ..v1::RowsHead::default()
        }
    }

    /// Brings `data` in two chunks under this head.
    async fn bring(collector: &Collector, head: v1::RowsHead, data: &[u8]) -> Result<(), String> {
        let (one, two) = data.split_at(data.len() / 2);
        let first = v1::RowsChunk { head: Some(head), data: vec![] };
        let chunk = |data: &[u8]| v1::RowsChunk { head: None, data: data.to_vec() };
        let chunks = [first, chunk(one), chunk(two)].map(Ok);
        collector.receive(tokio_stream::iter(chunks)).await
    }

    #[tokio::test]
    async fn only_whole_files_of_agents_that_take_part_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        let collector = Collector::new(folder.path().to_owned(), "r");
        for (session, agent) in [(1, "a"), (2, "a"), (3, "../b"), (4, "c")] {
            collector.expect(session, agent);
        }
        let data = b"rows of somebody";
        assert_eq!(bring(&collector, head(1, data), data).await, Ok(()));
        assert_eq!(bring(&collector, head(2, data), data).await, Ok(()), "another process of the same name");
        assert_eq!(bring(&collector, head(3, data), data).await, Ok(()), "a name that leads elsewhere");
        assert!(bring(&collector, head(9, data), data).await.is_err(), "a stranger");
        let other = v1::RowsHead { run_id: "other".into(), ..head(4, data) };
        assert!(bring(&collector, other, data).await.is_err(), "another run");
        let cut = bring(&collector, head(4, data), &data[1..]).await;
        assert!(cut.unwrap_err().contains("not the 16"), "a file that is not whole");
        let kept = collector.settle().await;
        let files: Vec<_> = kept.files.iter().map(|file| file.file.as_deref()).collect();
        assert_eq!(files, [Some("_b.csv.zst"), Some("a.csv.zst"), Some("a-2.csv.zst"), None]);
        assert_eq!(kept.warnings().len(), 1, "{:?}", kept.warnings());
        let mut names: Vec<_> =
            std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        assert_eq!(names, ["_b.csv.zst", "a-2.csv.zst", "a.csv.zst"], "nothing else is left behind");
    }
}
