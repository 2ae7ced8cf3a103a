//! A run's rows go to the controller, once its part of the run is over.

use super::Ties;
use super::join::refused;
use crate::dial::connect;
use crate::engine::rows::{Kept, Writer};
use crate::{Agent, Say};
use proto::v1;
use proto::v1::agent_service_client::AgentServiceClient;
use std::fs::File;
use std::io::{Error, Read};
use std::path::Path;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_stream::wrappers::ReceiverStream;

/// Rows that are still being written, and whose.
pub(crate) struct Rows {
    writer: Writer,
    run_id: String,
    session_id: u64,
    asked: bool,
}

impl Ties<'_> {
    /// The rows of the run that goes on, if they are kept; whoever takes them brings them away.
    pub(crate) fn take_rows(&mut self) -> Option<Rows> {
        let membership = self.membership.as_mut()?;
        let (writer, asked) = membership.fleet.take_rows()?;
        Some(Rows {
            writer,
            run_id: membership.fleet.run_id.clone(),
            session_id: membership.session.id,
            asked,
        })
    }
}

/// Closes the file, brings it to a controller that asked for it, and removes it when nobody else wants it.
pub(crate) async fn bring_rows(agent: &Agent, rows: Rows, say: &Say) {
    let (asked, run_id) = (rows.asked, rows.run_id.clone());
    let (head, kept) = match tokio::task::spawn_blocking(move || close(rows)).await {
        Ok(closed) => closed,
        Err(panicked) => return say(&format!("the rows of run {run_id} are lost: {panicked}")),
    };
    if kept.dropped > 0 {
        say(&format!("{} rows were dropped: the disk was too slow for them", kept.dropped));
    }
    kept.failed.iter().for_each(|why| say(&format!("rows are incomplete: {why}")));
    if !asked {
        return;
    }
    let mut why = String::new();
    for _ in 0..ATTEMPTS {
        match timeout(BRING_WITHIN, bring(agent, &head, &kept.path)).await {
            Ok(Ok(())) if agent.rows.is_some() => return,
            Ok(Ok(())) => {
                // A file that stays behind in the folder for temporary ones does no harm.
                return std::fs::remove_file(&kept.path).unwrap_or_default();
            }
            Ok(Err(failed)) => why = failed,
            Err(_) => why = format!("not done within {BRING_WITHIN:?}"),
        }
        tokio::time::sleep(PAUSE).await;
    }
    say(&format!(
        "the controller did not take the rows of run {run_id}: {why}; they are in {}",
        kept.path.display()
    ));
}

/// Waits for the last row, and says what there is.
fn close(rows: Rows) -> (v1::RowsHead, Kept) {
    let Rows { writer, run_id, session_id, .. } = rows;
    let kept = writer.finish();
    let head = v1::RowsHead {
        run_id,
        session_id,
        bytes: kept.bytes,
        sha256: kept.sha256.to_vec(),
        rows: kept.rows,
        dropped: kept.dropped,
        failed: kept.failed.clone().unwrap_or_default(),
    };
    (head, kept)
}

async fn bring(agent: &Agent, head: &v1::RowsHead, path: &Path) -> Result<(), String> {
    let mut client = AgentServiceClient::new(connect(agent).await.map_err(|error| error.to_string())?);
    let (chunks, outgoing) = mpsc::channel(CHUNKS);
    let first = v1::RowsChunk { head: Some(head.clone()), data: vec![] };
    let file =
        File::open(path).map_err(|error| format!("open {}: {error}", path.display()))?.take(head.bytes);
    let reading = tokio::task::spawn_blocking(move || read_into(file, first, &chunks));
    let answered = client.collect_rows(agent.authorised(ReceiverStream::new(outgoing))).await;
    let read = reading.await.map_err(|error| error.to_string())?;
    answered.map(drop).map_err(|status| format!("{:?}", refused(&status)))?;
    read.map_err(|error| error.to_string())
}

/// The file in chunks, until its end or until nobody listens any more.
fn read_into(
    mut file: impl Read,
    first: v1::RowsChunk,
    chunks: &mpsc::Sender<v1::RowsChunk>,
) -> Result<(), Error> {
    let mut next = first;
    loop {
        if chunks.blocking_send(next).is_err() {
            return Ok(());
        }
        let mut data = vec![0; CHUNK];
        let read = file.read(&mut data)?;
        if read == 0 {
            return Ok(());
        }
        data.truncate(read);
        next = v1::RowsChunk { head: None, data };
    }
}

const CHUNK: usize = 256 << 10;
/// Chunks that wait for the connection.
const CHUNKS: usize = 4;
const ATTEMPTS: usize = 3;
const PAUSE: Duration = Duration::from_millis(200);
/// A gigabyte over a link of 20 Mbit/s.
const BRING_WITHIN: Duration = Duration::from_secs(600);
