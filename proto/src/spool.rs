//! Spool files: what an agent leaves behind when it could not deliver.
//!
//! ```text
//!   Hello · Delta · Delta · …        each one: its length as a varint, then the message
//! ```
//!
//! The deltas are those of one session without an ack, in their order; a controller applies them by their numbers, so
//! it does no harm to merge a file twice or one that holds too much. Whoever writes one writes it under another name,
//! syncs and renames it: a file that is cut off is refused.

use crate::v1;
use prost::Message;
use std::io::{BufReader, Error, ErrorKind, Read, Write};

/// Writes the beginning of a spool: who its deltas are from.
pub fn write_hello(out: &mut impl Write, hello: &v1::Hello) -> std::io::Result<()> {
    write(out, hello)
}

/// Writes the next delta. Fails for one that no reader would take.
pub fn write_delta(out: &mut impl Write, delta: &v1::Delta) -> std::io::Result<()> {
    write(out, delta)
}

/// Reads a spool: first who its deltas are from, then they themselves, one by one.
#[derive(Debug)]
pub struct Spool<R> {
    source: BufReader<R>,
    /// Bytes read.
    at: u64,
    is_broken: bool,
}

/// Why a spool cannot be read; a fragment that fits after "failed to".
#[derive(Debug, thiserror::Error)]
pub enum SpoolError {
    /// The file cannot be read.
    #[error("read on at byte {at}: {source}")]
    Read {
        /// Where.
        at: u64,
        /// Why.
        source: Error,
    },
    /// The file ends inside a message.
    #[error(
        "read the message at byte {at}: the file is cut off inside it; only a whole spool file can be merged"
    )]
    Cut {
        /// Where the message begins.
        at: u64,
    },
    /// A message is larger than any that is written.
    #[error(
        "read the message at byte {at}: {got} bytes are more than {SPOOLED_BYTES_MAX}; this is no spool file"
    )]
    TooLarge {
        /// Where the message begins.
        at: u64,
        /// How large it says it is.
        got: u64,
    },
    /// What is there is no such message.
    #[error("read the message at byte {at}: {why}; this is no spool file, or it is damaged")]
    Malformed {
        /// Where the message begins.
        at: u64,
        /// What is wrong with it.
        why: String,
    },
}

impl<R: Read> Spool<R> {
    /// Reads who the deltas are from.
    pub fn open(source: R) -> Result<(v1::Hello, Self), SpoolError> {
        let mut spool = Self { source: BufReader::new(source), at: 0, is_broken: false };
        let hello = spool.message()?.ok_or(SpoolError::Cut { at: 0 })?;
        Ok((hello, spool))
    }

    /// The next message; `None` at the end.
    fn message<M: Message + Default>(&mut self) -> Result<Option<M>, SpoolError> {
        let at = self.at;
        let Some(length) = self.length()? else { return Ok(None) };
        // What a message claims is not allocated before it is there.
        let mut bytes = Vec::new();
        let read = (&mut self.source).take(length).read_to_end(&mut bytes);
        self.at += read.map_err(|source| SpoolError::Read { at, source })? as u64;
        if (bytes.len() as u64) < length {
            return Err(SpoolError::Cut { at });
        }
        let message = M::decode(bytes.as_slice());
        message.map(Some).map_err(|error| SpoolError::Malformed { at, why: error.to_string() })
    }

    /// The length of the next message; `None` at the end.
    fn length(&mut self) -> Result<Option<u64>, SpoolError> {
        let at = self.at;
        let (mut varint, mut byte) = (Vec::new(), [0]);
        loop {
            match self.source.read_exact(&mut byte) {
                Ok(()) => self.at += 1,
                Err(error) if error.kind() == ErrorKind::UnexpectedEof && varint.is_empty() => {
                    return Ok(None);
                }
                Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Err(SpoolError::Cut { at }),
                Err(source) => return Err(SpoolError::Read { at, source }),
            }
            varint.push(byte[0]);
            if byte[0] < 0x80 || varint.len() == VARINT_BYTES_MAX {
                break;
            }
        }
        let malformed = |why: String| SpoolError::Malformed { at, why };
        let length =
            prost::decode_length_delimiter(varint.as_slice()).map_err(|why| malformed(why.to_string()))?;
        if length > SPOOLED_BYTES_MAX {
            return Err(SpoolError::TooLarge { at, got: length as u64 });
        }
        Ok(Some(length as u64))
    }
}

impl<R: Read> Iterator for Spool<R> {
    type Item = Result<v1::Delta, SpoolError>;

    /// The next delta. After an error there is none: where the next message begins is not known.
    fn next(&mut self) -> Option<Self::Item> {
        if self.is_broken {
            return None;
        }
        let delta = self.message().transpose();
        self.is_broken = matches!(delta, Some(Err(_)));
        delta
    }
}

fn write(out: &mut impl Write, message: &impl Message) -> std::io::Result<()> {
    let bytes = message.encode_length_delimited_to_vec();
    if message.encoded_len() > SPOOLED_BYTES_MAX {
        let why = format!("a message of {} bytes is too large for a spool", message.encoded_len());
        return Err(Error::new(ErrorKind::InvalidInput, why));
    }
    out.write_all(&bytes)
}

/// What gathered in an open delta over a day's partition may be larger than a message on the wire; 100 series with
/// 1,200 buckets each stay below it.
pub const SPOOLED_BYTES_MAX: usize = 256 << 20;
const VARINT_BYTES_MAX: usize = 10;

#[cfg(test)]
mod tests {
    use super::*;

    fn hello() -> v1::Hello {
        v1::Hello { agent_name: "anna".into(), instance_id: "i".into(), ..v1::Hello::default() }
    }

    fn delta(seq: u64) -> v1::Delta {
        v1::Delta { session_id: 7, run_id: "r".repeat(seq as usize * 50), seq, ..v1::Delta::default() }
    }

    fn spool(deltas: u64) -> Vec<u8> {
        let mut bytes = Vec::new();
        write_hello(&mut bytes, &hello()).unwrap();
        (1..=deltas).for_each(|seq| write_delta(&mut bytes, &delta(seq)).unwrap());
        bytes
    }

    /// What is read before the end, and how it ends.
    fn read(bytes: &[u8]) -> (Vec<v1::Delta>, Option<String>) {
        let deltas = match Spool::open(bytes) {
            Ok((found, deltas)) => {
                assert_eq!(found, hello());
                deltas
            }
            Err(error) => return (vec![], Some(error.to_string())),
        };
        let (read, failed): (Vec<_>, Vec<_>) = deltas.partition(Result::is_ok);
        let failed = failed.into_iter().map(|failed| failed.unwrap_err().to_string());
        (read.into_iter().map(Result::unwrap).collect(), failed.last())
    }

    #[test]
    fn a_spool_is_read_as_it_was_written() {
        let deltas: Vec<_> = (1..=5).map(delta).collect();
        assert_eq!(read(&spool(5)), (deltas, None));
        assert_eq!(read(&spool(0)), (vec![], None));
    }

    #[test]
    fn a_spool_that_is_cut_anywhere_is_refused_unless_it_ends_between_messages() {
        let whole = spool(4);
        let borders: Vec<_> = (0..=4).map(|deltas| spool(deltas).len()).collect();
        for cut in 0..whole.len() {
            let (deltas, failed) = read(&whole[..cut]);
            assert_eq!(failed.is_none(), borders.contains(&cut), "cut at {cut}: {failed:?}");
            assert!(deltas.iter().zip(1..).all(|(found, seq)| *found == delta(seq)), "cut at {cut}");
        }
        let (_, failed) = read(&whole[..whole.len() - 1]);
        assert!(
            failed.unwrap().starts_with(&format!("read the message at byte {}: the file is cut", borders[3]))
        );
    }

    #[test]
    fn what_is_no_spool_is_refused_and_never_allocated() {
        let claim = |length: u64| {
            let mut bytes = Vec::new();
            prost::encode_length_delimiter(length as usize, &mut bytes).unwrap();
            bytes
        };
        let table = [
            ("nothing", vec![], "cut off"),
            ("a text", b"name = \"plan\"\n".repeat(20), "no spool file"),
            ("a huge claim", claim(u64::MAX), "are more than"),
            ("a claim that could be", claim(SPOOLED_BYTES_MAX as u64), "cut off"),
            ("an endless length", vec![0xff; 40], "no spool file"),
        ];
        for (what, bytes, why) in table {
            let (_, failed) = read(&bytes);
            assert!(failed.as_ref().is_some_and(|failed| failed.contains(why)), "{what}: {failed:?}");
        }
    }
}
