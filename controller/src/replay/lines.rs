//! Lines of a file, plain or gzip, one buffer for all.

use common::log::LINE_MAX;
use flate2::bufread::MultiGzDecoder;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

/// A file, line by line.
pub(super) struct Lines {
    input: Box<dyn Read>,
    buffer: Vec<u8>,
    /// What is in the buffer and not handed out yet.
    from: usize,
    to: usize,
    /// The line handed out last, from 1.
    pub(super) number: u64,
    ended: bool,
}

/// What is next in a file.
pub(super) enum Line<'a> {
    Text(&'a [u8]),
    /// Longer than any line that is read; it is passed over.
    TooLong,
}

impl Lines {
    pub(super) fn open(path: &Path) -> Result<Self, String> {
        let tell = |error: std::io::Error| format!("read log {}: {error}", path.display());
        let mut file = BufReader::with_capacity(CHUNK, File::open(path).map_err(tell)?);
        let is_gzip = file.fill_buf().map_err(tell)?.starts_with(&GZIP);
        let input: Box<dyn Read> = if is_gzip { Box::new(MultiGzDecoder::new(file)) } else { Box::new(file) };
        Ok(Self { input, buffer: vec![0; CHUNK], from: 0, to: 0, number: 0, ended: false })
    }

    /// The next line, without its end.
    pub(super) fn next(&mut self) -> Result<Option<Line<'_>>, std::io::Error> {
        let mut searched = self.from;
        let mut too_long = false;
        loop {
            if let Some(end) = memchr::memchr(b'\n', &self.buffer[searched..self.to]) {
                let line = self.from..searched + end;
                self.from = searched + end + 1;
                self.number += 1;
                if too_long {
                    return Ok(Some(Line::TooLong));
                }
                return Ok(Some(Line::Text(trimmed(&self.buffer[line]))));
            }
            if self.ended {
                let line = self.from..self.to;
                (self.from, self.to) = (0, 0);
                if line.is_empty() && !too_long {
                    return Ok(None);
                }
                self.number += 1;
                let text = Line::Text(trimmed(&self.buffer[line]));
                return Ok(Some(if too_long { Line::TooLong } else { text }));
            }
            if self.to - self.from > LINE_MAX {
                too_long = true;
                self.from = self.to;
            }
            // Only what is new is looked through.
            let old = self.to - self.from;
            self.fill()?;
            searched = self.from + old;
        }
    }

    fn fill(&mut self) -> Result<(), std::io::Error> {
        if self.from > 0 {
            self.buffer.copy_within(self.from..self.to, 0);
            (self.from, self.to) = (0, self.to - self.from);
        }
        if self.to == self.buffer.len() {
            self.buffer.resize(2 * self.buffer.len(), 0);
        }
        let read = self.input.read(&mut self.buffer[self.to..])?;
        self.to += read;
        self.ended = read == 0;
        Ok(())
    }
}

fn trimmed(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// How a gzip file begins.
const GZIP: [u8; 2] = [0x1f, 0x8b];
/// Bytes read at once.
const CHUNK: usize = 256 * 1024;
