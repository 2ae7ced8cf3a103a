//! A row per request, for checking and debugging: what the histograms were made from.

use crate::engine::ended::{Ended, Job, micros};
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

/// A CSV file that one engine thread writes.
pub(super) struct Rows {
    out: BufWriter<File>,
    failed: Option<std::io::Error>,
}

impl Rows {
    /// Creates the file.
    pub(super) fn create(path: &Path) -> std::io::Result<Self> {
        let mut out = BufWriter::new(File::create(path)?);
        out.write_all(HEADER.as_bytes())?;
        Ok(Self { out, failed: None })
    }

    /// Writes a row. After a first failure nothing more is written, and [`Rows::finish`] tells of it.
    pub(super) fn write(&mut self, ended: &Ended) {
        if self.failed.is_none() {
            self.failed = self.try_write(ended).err();
        }
    }

    pub(super) fn finish(mut self) -> Result<(), String> {
        match self.failed.take().or_else(|| self.out.flush().err()) {
            None => Ok(()),
            Some(error) => Err(format!("rows are incomplete: {error}")),
        }
    }

    fn try_write(&mut self, ended: &Ended) -> std::io::Result<()> {
        let Ended { outcome, bytes_in, bytes_out, .. } = ended;
        let Job { scenario, due, .. } = ended.job;
        let status = ended.answer.map_or(0, |answer| answer.status);
        let body = ended.answer.map_or(0, |answer| answer.body_bytes);
        let sent = ended.sent.map_or(-1, |sent| sent.nanos().cast_signed());
        let response = micros(ended.done.since(due.at));
        let service = ended.sent.map_or(0, |sent| micros(ended.done.since(sent)));
        writeln!(
            self.out,
            "{scenario},{},{},{sent},{},{status},{},{body},{bytes_in},{bytes_out},{response},{service}",
            due.k,
            due.at.nanos(),
            ended.done.nanos(),
            outcome.name(),
        )
    }
}

/// Times are nanoseconds of run time (`sent_ns` −1 when nothing was sent) and microseconds; sizes are bytes.
const HEADER: &str = "scenario,arrival,due_ns,sent_ns,done_ns,status,outcome,body_bytes,bytes_in,bytes_out,\
                      response_time_us,service_time_us\n";
