//! The files of a log, read in the order of their times, each line judged once.

use super::catalog::Catalog;
use super::lines::{Line, Lines};
use super::window::Kept;
use super::{Rejected, Summary};
use common::log::{Entry, Reader, Reject};
use common::plan::{LeftOut, Method, ReplayLoad};
use common::tape::{Record, lane_of_client};
use std::path::{Path, PathBuf};

/// One file, and what is next in it.
struct Source<'l> {
    name: String,
    lines: Lines,
    reader: Reader<'l>,
    next: Option<Kept>,
}

/// What every line is held against, and what it is counted into.
pub(super) struct Desk<'l> {
    pub(super) load: &'l ReplayLoad,
    pub(super) summary: Summary,
    pub(super) catalog: Catalog,
    /// Without clients, entries go round the lanes.
    turn: u16,
}

/// All files of a log.
pub(super) struct Sources<'l> {
    /// Those that were begun, in no order.
    open: Vec<Source<'l>>,
    /// Those whose first entry is still to come, the latest first.
    waiting: Vec<(i64, PathBuf)>,
}

impl<'l> Desk<'l> {
    pub(super) fn new(load: &'l ReplayLoad) -> Self {
        Self { load, summary: Summary::default(), catalog: Catalog::default(), turn: 0 }
    }

    /// What of an entry goes on the tape.
    fn keep(&mut self, entry: &Entry<'_>) -> Result<Option<Kept>, Reject> {
        let method = Method::named(&entry.method).ok_or(Reject::Method)?;
        match self.load.filter.leaves_out(method, &entry.path, entry.status) {
            Some(LeftOut::Filtered) => {
                self.summary.filtered += 1;
                return Ok(None);
            }
            Some(LeftOut::Unsafe) => {
                self.summary.left_out_unsafe += 1;
                return Ok(None);
            }
            None => {}
        }
        let path = std::str::from_utf8(&entry.path).map_err(|_| Reject::Path)?;
        let is_host = |byte: &u8| matches!(byte, 0x21..=0x7e);
        let host = std::str::from_utf8(&entry.host).ok();
        let host = host.filter(|host| self.load.keep_host && host.bytes().all(|byte| is_host(&byte)));
        let record = Record {
            method: method.code(),
            template: self.catalog.count(method, path),
            status: entry.status.unwrap_or(0),
            bytes: entry.bytes,
            latency_us: entry.latency.map(|nanos| nanos / 1_000),
            path,
            host: host.unwrap_or_default(),
            body: entry.body.as_deref().filter(|_| method != Method::Head),
        };
        let mut bytes = Vec::with_capacity(path.len() + 24);
        record.write(&mut bytes);
        let lane = if entry.client.is_empty() {
            self.turn = (self.turn + 1) % common::lane::LANES;
            self.turn
        } else {
            lane_of_client(&entry.client)
        };
        let at = entry.time.unwrap_or(i64::try_from(self.summary.lines).unwrap_or(i64::MAX));
        Ok(Some(Kept { at, is_coarse: entry.is_coarse, lane, record: bytes }))
    }

    fn reject(&mut self, reason: Reject, file: &str, number: u64, line: &[u8]) {
        let rejected: &mut Rejected = self.summary.rejected.entry(reason).or_default();
        rejected.count += 1;
        if rejected.examples.len() < EXAMPLES {
            let shown: String = String::from_utf8_lossy(&line[..line.len().min(4 * SHOWN)])
                .chars()
                .take(SHOWN)
                .map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c })
                .collect();
            rejected.examples.push((format!("{file}:{number}"), shown));
        }
    }
}

impl<'l> Source<'l> {
    fn open(path: &Path, load: &'l ReplayLoad) -> Result<Self, String> {
        let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
        Ok(Self { name, lines: Lines::open(path)?, reader: load.format.reader(), next: None })
    }

    /// Reads on to the next entry that is kept; `next` is `None` at the end of the file.
    fn advance(&mut self, desk: &mut Desk<'_>) -> Result<(), String> {
        loop {
            let number = self.lines.number + 1;
            let line = self.lines.next().map_err(|error| format!("read {}:{number}: {error}", self.name))?;
            let Some(line) = line else {
                self.next = None;
                return Ok(());
            };
            let (text, read) = match line {
                Line::Text(text) => (text, self.reader.read(text)),
                Line::TooLong => (&b""[..], Err(Reject::Long)),
            };
            if let Ok(None) = read {
                continue;
            }
            desk.summary.lines += 1;
            match read.and_then(|entry| entry.map_or(Ok(None), |entry| desk.keep(&entry))) {
                Ok(None) => {}
                Ok(Some(kept)) => {
                    self.next = Some(kept);
                    return Ok(());
                }
                Err(reason) => desk.reject(reason, &self.name, number, text),
            }
        }
    }
}

impl<'l> Sources<'l> {
    /// Looks at the beginning of every file.
    pub(super) fn open(paths: &[PathBuf], load: &'l ReplayLoad) -> Result<Self, String> {
        let (mut waiting, mut wrong) = (Vec::new(), Vec::new());
        for path in paths {
            // What is counted here is counted again when the file is read.
            let first = Source::open(path, load).and_then(|mut first| {
                first.advance(&mut Desk::new(load))?;
                Ok(first)
            });
            match first {
                Ok(first) => waiting.push((first.next.map_or(i64::MAX, |kept| kept.at), path.clone())),
                Err(why) => wrong.push(why),
            }
        }
        if !wrong.is_empty() {
            return Err(wrong.join("\n"));
        }
        waiting.sort();
        waiting.reverse();
        Ok(Self { open: Vec::new(), waiting })
    }

    /// The entry that is next over all files.
    pub(super) fn next(&mut self, desk: &mut Desk<'l>) -> Result<Option<Kept>, String> {
        loop {
            let at = |source: &Source<'_>| source.next.as_ref().map_or(i64::MAX, |kept| kept.at);
            let earliest = (0..self.open.len()).min_by_key(|place| at(&self.open[*place]));
            let begins = self.waiting.last().map(|(first, _)| *first);
            match (earliest, begins) {
                (Some(place), begins) if begins.is_none_or(|begins| at(&self.open[place]) < begins) => {
                    let source = &mut self.open[place];
                    let Some(kept) = source.next.take() else {
                        self.open.swap_remove(place);
                        continue;
                    };
                    source.advance(desk)?;
                    return Ok(Some(kept));
                }
                (_, Some(_)) => {
                    let Some((_, path)) = self.waiting.pop() else { return Ok(None) };
                    let mut source = Source::open(&path, desk.load)?;
                    source.advance(desk)?;
                    self.open.push(source);
                }
                (_, None) => return Ok(None),
            }
        }
    }
}

/// Lines that are shown of those rejected for one reason.
const EXAMPLES: usize = 3;
/// Characters shown of a line.
const SHOWN: usize = 160;
