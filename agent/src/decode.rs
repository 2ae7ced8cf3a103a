//! Bodies as they were before their `content-encoding`, within bounds: a small answer may unpack into anything.

use std::borrow::Cow;
use std::io::{self, Read};

use common::answer::{Fields, Unreadable};

/// The body as the answer's header lines say it is encoded, unpacked up to `most` bytes.
///
/// # Errors
/// [`Unreadable::TooLong`] beyond `most`, [`Unreadable::Encoding`] for a coding that is unknown, broken, or applied
/// more than `MOST_CODINGS` times.
pub fn decode<'a>(head: &[u8], body: &'a [u8], most: usize) -> Result<Cow<'a, [u8]>, Unreadable> {
    let mut body = Cow::Borrowed(body);
    for (place, coding) in codings(head)?.into_iter().rev().enumerate() {
        if place == MOST_CODINGS {
            return Err(Unreadable::Encoding);
        }
        body = Cow::Owned(unpacked(coding, &body, most)?);
    }
    if body.len() > most { Err(Unreadable::TooLong) } else { Ok(body) }
}

#[derive(Clone, Copy)]
enum Coding {
    Gzip,
    Deflate,
    Brotli,
    Zstd,
}

/// The codings in the order in which they were applied (RFC 9110, 8.4).
fn codings(head: &[u8]) -> Result<Vec<Coding>, Unreadable> {
    let lines = Fields::of(head).all("content-encoding");
    let tokens = lines.flat_map(|line| line.split(|byte| *byte == b',')).map(<[u8]>::trim_ascii);
    let read = |token: &[u8]| match token.to_ascii_lowercase().as_slice() {
        b"" | b"identity" => None,
        b"gzip" | b"x-gzip" => Some(Ok(Coding::Gzip)),
        b"deflate" => Some(Ok(Coding::Deflate)),
        b"br" => Some(Ok(Coding::Brotli)),
        b"zstd" => Some(Ok(Coding::Zstd)),
        _ => Some(Err(Unreadable::Encoding)),
    };
    tokens.filter_map(read).collect()
}

fn unpacked(coding: Coding, body: &[u8], most: usize) -> Result<Vec<u8>, Unreadable> {
    if body.is_empty() {
        return Ok(Vec::new());
    }
    match coding {
        Coding::Gzip => read(flate2::read::MultiGzDecoder::new(body), most),
        Coding::Deflate => {
            // The name means zlib's format; some servers send the bare one.
            let zlib = read(flate2::read::ZlibDecoder::new(body), most);
            if zlib == Err(Unreadable::Encoding) {
                read(flate2::read::DeflateDecoder::new(body), most)
            } else {
                zlib
            }
        }
        Coding::Brotli => read(brotli_decompressor::Decompressor::new(body, 4096), most),
        Coding::Zstd => {
            let broken = |_: io::Error| Unreadable::Encoding;
            let mut decoder = zstd::stream::read::Decoder::with_buffer(body).map_err(broken)?;
            decoder.window_log_max(LARGEST_WINDOW_LOG).map_err(broken)?;
            read(decoder, most)
        }
    }
}

fn read(packed: impl Read, most: usize) -> Result<Vec<u8>, Unreadable> {
    let mut out = Vec::new();
    packed.take(most as u64 + 1).read_to_end(&mut out).map_err(|_| Unreadable::Encoding)?;
    if out.len() > most { Err(Unreadable::TooLong) } else { Ok(out) }
}

/// Codings on top of each other; more make work, never sense.
const MOST_CODINGS: usize = 3;
/// A window of 8 MiB is what everybody may expect (RFC 9659).
const LARGEST_WINDOW_LOG: u32 = 23;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::io::Write;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn zlib(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn bare(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn zstd(bytes: &[u8]) -> Vec<u8> {
        zstd::stream::encode_all(bytes, 1).unwrap()
    }

    /// "hello" by the reference encoder.
    const BROTLI: &[u8] = &[0x0b, 0x02, 0x80, b'h', b'e', b'l', b'l', b'o', 0x03];

    #[test]
    fn a_body_is_what_was_encoded() {
        let hello = b"hello".as_slice();
        for (head, body, expected, why) in [
            ("", hello.to_vec(), Ok(hello), "nothing said"),
            ("content-encoding: identity\r\n", hello.to_vec(), Ok(hello), "nothing done"),
            ("Content-Encoding: GZIP\r\n", gzip(hello), Ok(hello), "gzip"),
            ("content-encoding: deflate\r\n", zlib(hello), Ok(hello), "zlib"),
            ("content-encoding: deflate\r\n", bare(hello), Ok(hello), "bare deflate"),
            ("content-encoding: br\r\n", BROTLI.to_vec(), Ok(hello), "brotli"),
            ("content-encoding: zstd\r\n", zstd(hello), Ok(hello), "zstd"),
            ("content-encoding: gzip, zstd\r\n", zstd(&gzip(hello)), Ok(hello), "two, the last one first"),
            (
                "content-encoding: gzip\r\ncontent-encoding: zstd\r\n",
                zstd(&gzip(hello)),
                Ok(hello),
                "two lines",
            ),
            ("content-encoding: gzip\r\n", Vec::new(), Ok(b"".as_slice()), "no body, as for HEAD"),
            ("content-encoding: lzma\r\n", hello.to_vec(), Err(Unreadable::Encoding), "unknown"),
            ("content-encoding: gzip\r\n", hello.to_vec(), Err(Unreadable::Encoding), "a lie"),
            ("content-encoding: zstd\r\n", hello.to_vec(), Err(Unreadable::Encoding), "another lie"),
            ("content-encoding: br\r\n", BROTLI[..6].to_vec(), Err(Unreadable::Encoding), "cut off"),
            ("content-encoding: gzip\r\n", gzip(hello)[..12].to_vec(), Err(Unreadable::Encoding), "cut off"),
        ] {
            let got = decode(head.as_bytes(), &body, 100);
            assert_eq!(got.as_deref(), expected.as_ref().map(|bytes| *bytes), "{why}");
        }
        let four = gzip(&gzip(&gzip(&gzip(hello))));
        let head = b"content-encoding: gzip, gzip, gzip, gzip";
        assert_eq!(decode(head, &four, 1000), Err(Unreadable::Encoding), "towers are refused");
    }

    #[test]
    fn a_bomb_goes_off_within_the_limit() {
        let zeros = vec![0; 64 << 20];
        for (head, bomb) in [("gzip", gzip(&zeros)), ("deflate", zlib(&zeros)), ("zstd", zstd(&zeros))] {
            assert!(bomb.len() < 1 << 20);
            let head = format!("content-encoding: {head}\r\n");
            assert_eq!(decode(head.as_bytes(), &bomb, 1 << 20), Err(Unreadable::TooLong), "{head}");
        }
    }

    proptest! {
        #[test]
        fn whatever_comes_is_within_bounds(
            coding in prop_oneof![Just("gzip"), Just("deflate"), Just("br"), Just("zstd"), Just("gzip, br")],
            body in proptest::collection::vec(any::<u8>(), 0..300),
            whole in any::<bool>(),
        ) {
            let body = match coding {
                "gzip" if whole => gzip(&body),
                "zstd" if whole => zstd(&body),
                _ => body,
            };
            let head = format!("content-encoding: {coding}\r\n");
            if let Ok(out) = decode(head.as_bytes(), &body, 50) {
                prop_assert!(out.len() <= 50);
            }
        }
    }
}
