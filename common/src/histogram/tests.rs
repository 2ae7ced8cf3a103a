use super::*;
use hdrhistogram::serialization::{Deserializer, Serializer, V2Serializer};
use proptest::prelude::*;

type Reference = hdrhistogram::Histogram<u64>;

fn reference(values: &[u64]) -> Reference {
    let mut reference = Reference::new_with_bounds(1, HIGHEST, 3).unwrap();
    values.iter().filter(|v| **v <= HIGHEST).for_each(|v| reference.record(*v).unwrap());
    reference
}

fn of(values: &[u64]) -> Histogram {
    let mut histogram = Histogram::new();
    values.iter().for_each(|v| histogram.record(*v));
    histogram
}

fn any_value() -> impl Strategy<Value = u64> {
    prop_oneof![0..3_000_u64, 0..100_000_u64, 0..=HIGHEST, HIGHEST..u64::MAX]
}

fn any_values() -> impl Strategy<Value = Vec<u64>> {
    prop::collection::vec(any_value(), 0..300)
}

proptest! {
    #[test]
    fn reads_and_writes_as_the_reference_does(values in any_values()) {
        let (ours, theirs) = (of(&values), reference(&values));
        let mut bytes = Vec::new();
        V2Serializer::new().serialize(&theirs, &mut bytes).unwrap();
        prop_assert_eq!(ours.to_v2(), bytes.clone(), "the same bytes");
        let read: Reference = Deserializer::new().deserialize(&mut ours.to_v2().as_slice()).unwrap();
        prop_assert_eq!(read, theirs.clone(), "the reference reads ours");
        if ours.overflow() == 0 && ours.count() > 0 {
            for q in [0.01, 0.5, 0.9, 0.99, 0.999, 1.0] {
                prop_assert_eq!(ours.quantile(q), theirs.value_at_quantile(q), "quantile {}", q);
            }
            prop_assert!((ours.mean() - theirs.mean()).abs() <= 1e-9 * theirs.mean());
            prop_assert!((ours.stddev() - theirs.stdev()).abs() <= 1e-6 * theirs.stdev().max(1.0));
        }
    }

    #[test]
    fn merged_from_bytes_in_any_order_equals_the_union(parts in prop::collection::vec(any_values(), 1..6)) {
        let union = of(&parts.concat());
        let merge = |parts: &mut dyn Iterator<Item = &Vec<u64>>| {
            let mut sum = Histogram::new();
            for part in parts.map(|part| of(part)) {
                sum.add_v2(&part.to_v2(), part.count(), part.overflow()).unwrap();
            }
            sum
        };
        prop_assert_eq!(merge(&mut parts.iter()), union.clone());
        prop_assert_eq!(merge(&mut parts.iter().rev()), union.clone());
        let mut added = Histogram::new();
        parts.iter().for_each(|part| added.add(&of(part)).unwrap());
        prop_assert_eq!(added, union);
    }

    #[test]
    fn packing_is_not_to_be_seen(values in any_values(), more in any_values()) {
        let (plain, other) = (of(&values), of(&more));
        let (mut packed, mut other_packed) = (plain.clone(), other.clone());
        packed.pack();
        other_packed.pack();
        prop_assert!(packed.counts.is_empty() && packed.packed.len() <= packed.to_v2().len());
        prop_assert_eq!(&packed, &plain);
        prop_assert_eq!(packed.to_v2(), plain.to_v2());
        prop_assert_eq!((packed.mode(), packed.quantile(0.5)), (plain.mode(), plain.quantile(0.5)));
        let union = of(&[values, more.clone()].concat());
        let (mut recorded, mut read) = (packed.clone(), packed.clone());
        more.iter().for_each(|value| recorded.record(*value));
        read.add_v2(&other.to_v2(), other.count(), other.overflow()).unwrap();
        prop_assert_eq!(&recorded, &union);
        prop_assert_eq!(&read, &union);
        for (one, two) in [(&plain, &other_packed), (&packed, &other), (&packed, &other_packed)] {
            let mut sum = one.clone();
            sum.add(two).unwrap();
            prop_assert_eq!(&sum, &union);
        }
    }

    #[test]
    fn hostile_bytes_change_nothing_and_take_no_memory(
        values in any_values(), at in any::<prop::sample::Index>(), byte in any::<u8>(), total in 0..400_u64,
        is_packed in any::<bool>()
    ) {
        let mut bytes = of(&values).to_v2();
        let place = at.index(bytes.len());
        bytes[place] = byte;
        let before = of(&[1, 2, 3]);
        let mut sum = before.clone();
        if is_packed {
            sum.pack();
        }
        let added = sum.add_v2(&bytes, total, 0);
        if added.is_err() {
            prop_assert_eq!(&sum, &before);
        }
        prop_assert_eq!(Histogram::check_v2(&bytes, total), added, "the check says what adding would");
        prop_assert!(sum.counts.len() <= BUCKETS);
    }

    #[test]
    fn a_bucket_holds_what_maps_into_it(value in 0..=HIGHEST) {
        let bucket = index_of(value);
        prop_assert!(lowest_of(bucket) <= value && value <= highest_of(bucket) && bucket < BUCKETS);
        prop_assert!((highest_of(bucket) - lowest_of(bucket)) as f64 <= value as f64 * 0.001);
    }
}

#[test]
fn claims_that_do_not_fit_are_refused() {
    let good = of(&[5, 5, 9]).to_v2();
    let huge = |payload: &[u8]| {
        let mut bytes = good[..40].to_vec();
        bytes[4..8].copy_from_slice(&u32::try_from(payload.len()).unwrap().to_be_bytes());
        bytes.extend_from_slice(payload);
        bytes
    };
    let table: [(&str, Vec<u8>, u64, HistogramError); 7] = [
        ("nothing", vec![], 0, HistogramError::Header),
        (
            "another shape",
            {
                let mut b = good.clone();
                b[31] ^= 1;
                b
            },
            3,
            HistogramError::Header,
        ),
        ("cut short", good[..good.len() - 1].to_vec(), 3, HistogramError::Length),
        ("a number that goes on after the end", huge(&[0x80]), 0, HistogramError::Length),
        ("a skip of 2^62 buckets", huge(&[0xff; 9]), 0, HistogramError::OutOfShape),
        ("counts below the declared total", good.clone(), 4, HistogramError::Total),
        ("counts above the declared total", good.clone(), 2, HistogramError::Total),
    ];
    for (what, bytes, total, error) in table {
        let mut sum = Histogram::new();
        assert_eq!(sum.add_v2(&bytes, total, 0), Err(error), "{what}");
        assert_eq!(sum, Histogram::new(), "{what}");
        assert_eq!(Histogram::check_v2(&bytes, total), Err(error), "{what}");
    }
    let mut full = Histogram { count: COUNT_MAX - 2, ..Histogram::new() };
    assert_eq!(full.add_v2(&good, 3, 0), Err(HistogramError::TooMany));
    assert_eq!(full.add(&of(&[1, 2, 3])), Err(HistogramError::TooMany));
    assert_eq!(full.add(&of(&[1, 2])), Ok(()));
}

#[test]
fn what_lies_above_the_shape_is_counted_not_clamped() {
    let histogram = of(&[10, HIGHEST, HIGHEST + 1, u64::MAX]);
    assert_eq!((histogram.count(), histogram.overflow()), (2, 2));
    assert_eq!(histogram.quantile(0.25), 10);
    assert_eq!(histogram.quantile(1.0), HIGHEST);
}

#[test]
fn nothing_has_a_mean_of_zero_without_a_sign() {
    let nothing = Histogram::new();
    assert!([nothing.mean(), nothing.stddev()].iter().all(|zero| *zero == 0.0 && zero.is_sign_positive()));
}

#[test]
fn the_mode_is_the_fullest_bucket_with_its_width() {
    assert_eq!(of(&[7, 7, 8, 9]).mode(), Some((7, 7)));
    assert_eq!(of(&[4096, 4097, 9]).mode(), Some((4096, 4099)), "buckets are 4 wide there");
    assert_eq!(Histogram::new().mode(), None);
}
