//! Writes a tape: records as they come, then the marks lane by lane.

use common::lane::LANES;
use common::tape::{MAGIC, MARK_BYTES, Mark, Tail};
use std::fs::File;
use std::io::{BufReader, BufWriter, ErrorKind, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// A tape that is being written.
pub(super) struct Writer {
    path: PathBuf,
    records: BufWriter<File>,
    /// Lane and mark of every entry, in time order.
    marks: BufWriter<File>,
    lanes: Vec<u64>,
    position: u64,
    entries: u64,
    first: i64,
    span: u64,
}

impl Writer {
    pub(super) fn create(path: &Path) -> Result<Self, String> {
        let tell = |error| said(path, &error);
        let file =
            File::options().create(true).truncate(true).read(true).write(true).open(path).map_err(tell)?;
        let folder = path.parent().unwrap_or(Path::new("."));
        let marks = tempfile::tempfile_in(folder).map_err(tell)?;
        let mut records = BufWriter::with_capacity(BUFFER, file);
        records.write_all(MAGIC).map_err(tell)?;
        Ok(Self {
            path: path.to_owned(),
            records,
            marks: BufWriter::with_capacity(BUFFER, marks),
            lanes: vec![0; usize::from(LANES)],
            position: MAGIC.len() as u64,
            entries: 0,
            first: 0,
            span: 0,
        })
    }

    /// Adds an entry; times must not go back.
    pub(super) fn add(&mut self, at: i64, lane: u16, record: &[u8]) -> Result<(), String> {
        if self.entries == 0 {
            self.first = at;
        }
        self.span = u64::try_from(at.saturating_sub(self.first)).unwrap_or_default();
        let length = u32::try_from(record.len()).map_err(|_| "write the tape: a record of 4 GiB")?;
        let mark = Mark { at: self.span, number: self.entries, position: self.position, length };
        let write = self.records.write_all(record).and_then(|()| {
            self.marks.write_all(&lane.to_le_bytes())?;
            self.marks.write_all(&mark.to_bytes())
        });
        write.map_err(|error| said(&self.path, &error))?;
        self.lanes[usize::from(lane)] += 1;
        self.position += u64::from(length);
        self.entries += 1;
        Ok(())
    }

    /// Writes the rest; returns the span and the most entries in a lane.
    pub(super) fn finish(self, templates: Vec<u16>) -> Result<(u64, u64), String> {
        let (path, span) = (self.path.clone(), self.span);
        let fullest = self.lanes.iter().copied().max().unwrap_or(0);
        self.close(templates).map_err(|error| said(&path, &error))?;
        Ok((span, fullest))
    }

    fn close(self, templates: Vec<u16>) -> std::io::Result<()> {
        let tail = Tail { lanes: self.lanes, templates, marks_at: self.position, span: self.span };
        let file = self.records.into_inner()?;
        let mut marks = self.marks.into_inner()?;
        marks.seek(SeekFrom::Start(0))?;
        deal(BufReader::with_capacity(BUFFER, marks), &file, tail.places())?;
        file.write_all_at(&tail.to_bytes(), tail.position())?;
        file.sync_all()
    }
}

/// Writes every mark behind the others of its lane: a buffer for each lane.
fn deal(mut marks: impl Read, file: &File, mut places: Vec<u64>) -> std::io::Result<()> {
    let mut waiting: Vec<Vec<u8>> = vec![Vec::new(); places.len()];
    let mut flush = |lane: usize, bytes: &mut Vec<u8>| {
        file.write_all_at(bytes, places[lane])?;
        places[lane] += bytes.len() as u64;
        bytes.clear();
        std::io::Result::Ok(())
    };
    let mut one = [0; 2 + MARK_BYTES];
    loop {
        match marks.read_exact(&mut one) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => break,
            Err(error) => return Err(error),
        }
        let lane = usize::from(u16::from_le_bytes([one[0], one[1]]));
        let bytes = &mut waiting[lane];
        bytes.extend(&one[2..]);
        if bytes.len() >= LANE_BUFFER {
            flush(lane, bytes)?;
        }
    }
    waiting.iter_mut().enumerate().try_for_each(|(lane, bytes)| flush(lane, bytes))
}

fn said(path: &Path, error: &std::io::Error) -> String {
    format!("write the tape {}: {error}", path.display())
}

const BUFFER: usize = 256 * 1024;
/// Of 4,096 lanes: 8 MiB together.
const LANE_BUFFER: usize = 2 * 1024;
