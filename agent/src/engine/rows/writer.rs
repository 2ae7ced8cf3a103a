//! The thread that writes rows.

use super::line::{HEADER, Lines};
use super::{Message, QUEUE, Sink};
use common::plan::Plan;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{Error, Write};
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Writes the rows of one agent into one file.
///
/// The file is a row of zstd frames, each of which is whole: whoever kills the agent loses the last half second.
#[derive(Debug)]
pub struct Writer {
    sink: Sink,
    path: PathBuf,
    thread: JoinHandle<(Written, Result<(), Error>)>,
}

/// What was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Where it is.
    pub path: PathBuf,
    /// Rows in the file.
    pub rows: u64,
    /// Bytes of the file that are whole frames.
    pub bytes: u64,
    /// SHA-256 of them.
    pub sha256: [u8; 32],
    /// Rows for which there was no room in the queue: the disk was too slow for them.
    pub dropped: u64,
    /// Why the file ends before the run did.
    pub failed: Option<String>,
}

impl Writer {
    /// Makes the file and starts to write what comes into [`Writer::sink`].
    ///
    /// # Errors
    /// A file that cannot be made, a thread that cannot be started.
    pub fn start(path: PathBuf, plan: &Plan, agent: &str) -> Result<Self, String> {
        let file = File::create(&path).map_err(|error| format!("create {}: {error}", path.display()))?;
        Self::start_on(file, path, Lines::new(plan, agent), QUEUE)
    }

    pub(super) fn start_on<W: Write + Send + 'static>(
        out: W,
        path: PathBuf,
        lines: Lines,
        queue: usize,
    ) -> Result<Self, String> {
        let (sink, messages) = Sink::new(queue);
        let thread = std::thread::Builder::new()
            .name("rows".into())
            .spawn(move || write(out, &lines, &messages))
            .map_err(|error| format!("start the thread that writes rows: {error}"))?;
        Ok(Self { sink, path, thread })
    }

    /// Where engine threads hand over their rows.
    #[must_use]
    pub fn sink(&self) -> Sink {
        self.sink.clone()
    }

    /// Waits until everything is in the file that was handed over by now.
    #[must_use]
    pub fn finish(self) -> Kept {
        let Self { sink, path, thread } = self;
        // A thread that ended because writing failed needs no end.
        let told = sink.queue.send(Message::End);
        let panicked = |_| (Written::default(), Err(Error::other("its thread panicked")));
        let (Written { rows, bytes, digest }, ended) = thread.join().unwrap_or_else(panicked);
        let failed = ended.err().map(|error| error.to_string());
        let failed = failed.or_else(|| told.is_err().then(|| "its thread ended".to_owned()));
        Kept { path, rows, bytes, sha256: digest.finalize().into(), dropped: sink.dropped(), failed }
    }
}

/// What is in the file.
#[derive(Debug, Default)]
struct Written {
    rows: u64,
    bytes: u64,
    digest: Sha256,
}

fn write<W: Write>(mut out: W, lines: &Lines, messages: &Receiver<Message>) -> (Written, Result<(), Error>) {
    let (mut text, mut waiting, mut written) = (HEADER.to_owned(), 0, Written::default());
    let mut since = Instant::now();
    loop {
        let more = match messages.recv_timeout(FRAME_EVERY.saturating_sub(since.elapsed())) {
            Ok(Message::Rows(rows)) => {
                rows.iter().for_each(|ended| lines.push(ended, &mut text));
                waiting += rows.len() as u64;
                true
            }
            Err(RecvTimeoutError::Timeout) => true,
            Ok(Message::End) | Err(RecvTimeoutError::Disconnected) => false,
        };
        if text.len() >= FRAME_BYTES || !more || since.elapsed() >= FRAME_EVERY {
            if let Err(error) = written.frame(&mut out, &mut text) {
                return (written, Err(error));
            }
            written.rows += std::mem::take(&mut waiting);
            since = Instant::now();
        }
        if !more {
            return (written, out.flush());
        }
    }
}

impl Written {
    /// Writes a whole frame at once.
    fn frame<W: Write>(&mut self, out: &mut W, text: &mut String) -> Result<(), Error> {
        if !text.is_empty() {
            let frame = zstd::bulk::compress(text.as_bytes(), LEVEL)?;
            out.write_all(&frame)?;
            self.bytes += frame.len() as u64;
            self.digest.update(&frame);
            text.clear();
        }
        Ok(())
    }
}

/// zstd's own default is 3; 1 halves the processor time for a tenth more bytes.
const LEVEL: i32 = 1;
/// Text that is compressed together.
const FRAME_BYTES: usize = 1 << 20;
/// What is older than this is in the file.
const FRAME_EVERY: Duration = Duration::from_millis(500);
