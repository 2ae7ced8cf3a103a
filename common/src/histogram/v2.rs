//! HdrHistogram's V2 form: a header of 40 bytes, then zig-zag LEB128 numbers. A positive number is the count of
//! the next bucket, a negative one skips that many empty buckets, zero is one empty bucket.
//! Source of the format: <https://github.com/HdrHistogram/HdrHistogram> (`encodeIntoByteBuffer`).

use super::{BUCKETS, HIGHEST, HistogramError};

/// Writes the counts of a stretch that begins at bucket `first`.
pub(super) fn encode(first: usize, counts: &[u64]) -> Vec<u8> {
    let used = counts.iter().rposition(|n| *n > 0).map_or(0, |last| last + 1);
    let mut bytes = Vec::with_capacity(HEADER + used);
    bytes.extend_from_slice(&header(0));
    let mut empty = if used == 0 { 1 } else { first as i64 };
    for n in &counts[..used] {
        if *n == 0 {
            empty += 1;
            continue;
        }
        put_empty(&mut bytes, empty);
        empty = 0;
        // No count is above 2⁵³.
        put(&mut bytes, i64::try_from(*n).unwrap_or(i64::MAX));
    }
    put_empty(&mut bytes, empty);
    let length = u32::try_from(bytes.len() - HEADER).unwrap_or(u32::MAX);
    bytes[..HEADER].copy_from_slice(&header(length));
    bytes
}

/// The payload behind a header that is ours.
pub(super) fn payload(bytes: &[u8]) -> Result<&[u8], HistogramError> {
    let (head, payload) = bytes.split_at_checked(HEADER).ok_or(HistogramError::Header)?;
    let length = u32::try_from(payload.len()).map_err(|_| HistogramError::Length)?;
    if head[..4] != COOKIE.to_be_bytes() || head[8..] != header(0)[8..] {
        return Err(HistogramError::Header);
    }
    if head[4..8] == length.to_be_bytes() { Ok(payload) } else { Err(HistogramError::Length) }
}

/// Shows every (bucket, count) of a payload to `visit`, allocating nothing; ends at the first thing that does not
/// fit the shape, or that `visit` refuses.
///
/// Empty stretches are shown too, as one bucket with count 0: whether the next number counts or skips is a coin
/// toss that no branch predictor wins, so it is not branched on here, and `visit` should not either.
#[inline]
pub(super) fn walk(
    payload: &[u8],
    mut visit: impl FnMut(usize, u64) -> Result<(), HistogramError>,
) -> Result<(), HistogramError> {
    let (mut rest, mut bucket) = (payload, 0_u64);
    while !rest.is_empty() {
        let (count, passed, behind) = step(rest).ok_or(HistogramError::Length)?;
        rest = behind;
        // At most 2⁶³ beyond a bucket of the shape: no overflow.
        let next = bucket + passed;
        if next > BUCKETS as u64 {
            return Err(HistogramError::OutOfShape);
        }
        visit(bucket as usize, count)?;
        bucket = next;
    }
    Ok(())
}

/// The buckets that hold something, of bytes that [`encode`] wrote; none of no bytes.
pub(super) fn counts(bytes: &[u8]) -> impl Iterator<Item = (usize, u64)> + '_ {
    let (mut rest, mut bucket) = (bytes.get(HEADER..).unwrap_or_default(), 0);
    std::iter::from_fn(move || {
        loop {
            let (count, passed, behind) = step(rest)?;
            let here = bucket;
            (rest, bucket) = (behind, bucket + passed as usize);
            if count > 0 {
                return Some((here, count));
            }
        }
    })
}

/// What the number at the front says: the count of this bucket, how many buckets are passed, and what stands behind.
#[inline(always)]
fn step(rest: &[u8]) -> Option<(u64, u64, &[u8])> {
    let (byte, behind) = rest.split_first()?;
    if let Some((count, passed)) = SHORT.get(usize::from(*byte)) {
        return Some((u64::from(*count), u64::from(*passed), behind));
    }
    let (number, behind) = take(rest)?;
    Some(if number < 0 { (0, number.unsigned_abs(), behind) } else { (number.unsigned_abs(), 1, behind) })
}

fn header(payload: u32) -> [u8; HEADER] {
    let mut head = [0; HEADER];
    head[..4].copy_from_slice(&COOKIE.to_be_bytes());
    head[4..8].copy_from_slice(&payload.to_be_bytes());
    head[12..16].copy_from_slice(&3_u32.to_be_bytes());
    head[16..24].copy_from_slice(&1_u64.to_be_bytes());
    head[24..32].copy_from_slice(&HIGHEST.to_be_bytes());
    head[32..].copy_from_slice(&1.0_f64.to_be_bytes());
    head
}

fn put_empty(bytes: &mut Vec<u8>, empty: i64) {
    match empty {
        0 => {}
        1 => put(bytes, 0),
        n => put(bytes, -n),
    }
}

/// LEB128 of the zig-zag form in at most 9 bytes: the ninth carries 8 bits.
fn put(bytes: &mut Vec<u8>, number: i64) {
    let mut rest = ((number << 1) ^ (number >> 63)).cast_unsigned();
    for _ in 0..8 {
        if rest < 0x80 {
            break;
        }
        bytes.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    bytes.push(rest as u8);
}

/// The number at the front and what stands behind it.
fn take(bytes: &[u8]) -> Option<(i64, &[u8])> {
    let (mut value, mut rest) = (0_u64, bytes);
    for place in 0..9 {
        let (byte, behind) = rest.split_first()?;
        rest = behind;
        let bits = if place == 8 { u64::from(*byte) } else { u64::from(byte & 0x7f) };
        value |= bits << (7 * place);
        if place == 8 || byte & 0x80 == 0 {
            break;
        }
    }
    Some(((value >> 1).cast_signed() ^ -(value & 1).cast_signed(), rest))
}

/// Count and buckets passed of the numbers in one byte: even bytes are twice a count, odd ones a skip.
const SHORT: [(u8, u8); 0x80] = {
    let mut table = [(0, 1); 0x80];
    let mut byte = 0;
    while byte < 0x80 {
        let half = byte as u8 >> 1;
        table[byte] = if byte % 2 == 0 { (half, 1) } else { (0, half + 1) };
        byte += 1;
    }
    table
};
/// V2 (`0x1c849303`) with words of variable length (`0x10`).
const COOKIE: u32 = 0x1c84_9313;
const HEADER: usize = 40;
