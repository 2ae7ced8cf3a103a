//! Histograms in V2 form: what is refused changes nothing; what is taken, the reference takes too.

use common::histogram::{BUCKETS, COUNT_MAX, Histogram, HistogramError, highest_of};
use hdrhistogram::serialization::{Deserializer, Serializer, V2Serializer};

/// Eight bytes of declared total, eight of overflow; the rest is taken as a whole message, and as a payload behind a
/// header that is right.
pub fn run(data: &[u8]) {
    let Some((total, data)) = data.split_first_chunk() else { return };
    let Some((overflow, bytes)) = data.split_first_chunk() else { return };
    let (total, overflow) = (u64::from_le_bytes(*total), u64::from_le_bytes(*overflow));
    add(bytes, total, overflow);
    let whole = with_header(bytes);
    add(&whole, total, overflow);
    let plain = walk(bytes);
    let sum = plain.iter().flatten().try_fold(0_u64, |sum, (_, n)| sum.checked_add(*n));
    let mut ours = Histogram::new();
    let taken = ours.add_v2(&whole, sum.unwrap_or(u64::MAX), 0);
    match (plain, sum.filter(|sum| *sum <= COUNT_MAX)) {
        (Some(buckets), Some(_)) => {
            assert_eq!(taken, Ok(()), "all its buckets lie in the shape: {buckets:?}");
            assert!(ours.buckets().eq(buckets), "other buckets");
            compare(&ours, &whole);
        }
        _ => assert!(taken.is_err(), "a bucket outside the shape, or a sum that is too large"),
    }
}

/// Adds bytes to a histogram that holds something already.
fn add(bytes: &[u8], total: u64, overflow: u64) {
    let mut before = Histogram::new();
    [1, 2, 3, 70_000, 70_000, u64::MAX].iter().for_each(|value| before.record(*value));
    let mut sum = before.clone();
    match sum.add_v2(bytes, total, overflow) {
        Ok(()) => {
            assert_eq!(Histogram::check_v2(bytes, total), Ok(()));
            assert_eq!((sum.count(), sum.overflow()), (before.count() + total, before.overflow() + overflow));
            assert_eq!(sum.buckets().map(|(_, n)| n).sum::<u64>(), sum.count());
            assert!(sum.buckets().all(|(bucket, _)| bucket < BUCKETS));
            look(&sum);
        }
        Err(why) => {
            assert_eq!(sum, before, "refused, and nothing has changed: {why}");
            assert_eq!(sum.count(), before.count());
            assert!(why == HistogramError::TooMany || Histogram::check_v2(bytes, total) == Err(why));
        }
    }
}

/// Everything that a report asks of a histogram, and that it comes back as it went.
fn look(histogram: &Histogram) {
    let quantiles = [0.0, 0.5, 0.99, 1.0].map(|q| histogram.quantile(q));
    assert!(quantiles.is_sorted(), "{quantiles:?}");
    assert!(histogram.min() <= histogram.max());
    assert!(histogram.mean().is_finite() && histogram.stddev().is_finite());
    assert_eq!(histogram.mode().is_none(), histogram.count() == 0);
    let mut back = Histogram::new();
    let added = back.add_v2(&histogram.to_v2(), histogram.count(), histogram.overflow());
    assert_eq!(added, Ok(()), "its own bytes are refused: {histogram:?}");
    assert_eq!(back, *histogram);
}

/// The reference is only given what we have taken: it trusts its input.
fn compare(ours: &Histogram, bytes: &[u8]) {
    let theirs: hdrhistogram::Histogram<u64> = match Deserializer::new().deserialize(&mut &*bytes) {
        Ok(theirs) => theirs,
        Err(why) => panic!("we take what the reference refuses: {why}"),
    };
    assert_eq!(theirs.len(), ours.count());
    let values = theirs.iter_recorded().map(|value| (value.value_iterated_to(), value.count_at_value()));
    assert!(values.eq(ours.buckets().map(|(bucket, n)| (highest_of(bucket), n))), "other values");
    let mut written = Vec::new();
    let length = V2Serializer::new().serialize(&theirs, &mut written);
    assert_eq!(length.ok(), Some(written.len()));
    assert_eq!(ours.to_v2(), written, "other bytes");
}

/// The payload as the format's description has it, slowly; `None` when it does not fit the shape.
fn walk(payload: &[u8]) -> Option<Vec<(usize, u64)>> {
    let (mut bytes, mut bucket, mut found) = (payload.iter(), 0_i128, Vec::new());
    while !bytes.as_slice().is_empty() {
        let number = i128::from(number(&mut bytes)?);
        let passed = if number < 0 { -number } else { 1 };
        if bucket + passed > BUCKETS as i128 {
            return None;
        }
        if number > 0 {
            found.push((usize::try_from(bucket).ok()?, u64::try_from(number).ok()?));
        }
        bucket += passed;
    }
    Some(found)
}

/// Zig-zag LEB128 in at most 9 bytes, of which the ninth carries 8 bits; `None` when it is cut off.
fn number(bytes: &mut std::slice::Iter<'_, u8>) -> Option<i64> {
    let mut value = 0_u64;
    for place in 0..9 {
        let byte = u64::from(*bytes.next()?);
        if place == 8 {
            value |= byte << 56;
            break;
        }
        value |= (byte & 0x7f) << (7 * place);
        if byte < 0x80 {
            break;
        }
    }
    Some((value >> 1).cast_signed() ^ -(value & 1).cast_signed())
}

/// The payload behind the header of our shape.
pub(crate) fn with_header(payload: &[u8]) -> Vec<u8> {
    let mut bytes = Histogram::new().to_v2();
    bytes.truncate(HEADER);
    let length = u32::try_from(payload.len()).unwrap_or(u32::MAX);
    bytes[4..8].copy_from_slice(&length.to_be_bytes());
    bytes.extend_from_slice(payload);
    bytes
}

/// Bytes of a V2 header.
pub(crate) const HEADER: usize = 40;
