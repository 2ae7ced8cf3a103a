//! The response times of every step over time as a histogram log, the format of HdrHistogram's `HistogramLogWriter`
//! (version 1.3): HistogramLogProcessor, hdr-plot and the like read it. Intervals are by due time; values are microseconds.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use common::histogram::Histogram;
use common::measured::Measured;
use common::report::Report;
use flate2::Compression;
use flate2::write::ZlibEncoder;
use std::io::Write;

/// The log; `totals` are in the order of the report's series.
pub(super) fn render(report: &Report, totals: &Measured) -> Result<String, String> {
    let mut lines = Vec::new();
    for (row, series) in report.series.iter().zip(&totals.series) {
        let tag = tag(&format!("{}/{}", row.scenario, row.step));
        for (start, bucket) in series.timeline.iter().filter(|(_, bucket)| bucket.response_time.count() > 0) {
            let width = series.timeline.width_s();
            let max = bucket.response_time.max() as f64 / MAX_UNIT;
            let histogram = compressed(&bucket.response_time)
                .map_err(|error| format!("compress a histogram: {error}"))?;
            lines.push((start, format!("Tag={tag},{start}.000,{width}.000,{max:.3},{histogram}\n")));
        }
    }
    lines.sort_by_key(|(start, _)| *start);
    let head = format!(
        "#[Stampede, run {}; response times in microseconds by due time]\n#[Histogram log format version 1.3]\n\
         #[BaseTime: 0.000 (seconds of the run, which began at {})]\n\
         \"StartTimestamp\",\"Interval_Length\",\"Interval_Max\",\"Interval_Compressed_Histogram\"\n",
        report.run.id, report.run.started_at
    );
    Ok(std::iter::once(head).chain(lines.into_iter().map(|(_, line)| line)).collect())
}

/// Base64 of HdrHistogram's compressed V2 form: its cookie, a length, the V2 bytes through zlib.
fn compressed(histogram: &Histogram) -> std::io::Result<String> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(&histogram.to_v2())?;
    let deflated = encoder.finish()?;
    let length = u32::try_from(deflated.len()).map_err(std::io::Error::other)?;
    let bytes = [&COMPRESSED_V2.to_be_bytes()[..], &length.to_be_bytes(), &deflated].concat();
    Ok(STANDARD.encode(bytes))
}

/// A tag holds no comma and no space.
fn tag(name: &str) -> String {
    let is_plain = |c: char| !c.is_whitespace() && !c.is_control() && c != ',' && c != '"';
    name.chars().map(|c| if is_plain(c) { c } else { '_' }).collect()
}

/// `V2CompressedEncodingCookieBase | 0x10`, as HdrHistogram writes it.
const COMPRESSED_V2: u32 = 0x1c84_9314;
/// `Interval_Max` is in milliseconds.
const MAX_UNIT: f64 = 1_000.0;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::tests::report as sample;
    use common::time::RunTime;
    use hdrhistogram::serialization::Deserializer;
    use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry};

    #[test]
    fn hdrhistograms_own_reader_finds_every_interval() {
        let mut report = sample();
        report.series.truncate(1);
        report.series[0].step = "GET /a, b".into();
        let mut totals = Measured::sized(1, 1);
        for (second, us) in [(0, 1_000), (1, 2_500), (1, 90_000), (7, 3_600_000_000)] {
            let bucket = totals.series[0].timeline.at(RunTime::from_nanos(second * 1_000_000_000));
            bucket.response_time.record(us);
        }
        let log = render(&report, &totals).unwrap();
        let mut found = Vec::new();
        for entry in IntervalLogIterator::new(log.as_bytes()) {
            let LogEntry::Interval(interval) = entry.unwrap() else { continue };
            let bytes = STANDARD.decode(interval.encoded_histogram()).unwrap();
            let histogram: hdrhistogram::Histogram<u64> =
                Deserializer::new().deserialize(&mut &bytes[..]).unwrap();
            assert!(interval.tag().unwrap().as_str().ends_with("/GET_/a__b"), "{log}");
            found.push((interval.start_timestamp().as_secs(), histogram.len(), histogram.max() / 1_000));
        }
        assert_eq!(found, [(0, 1, 1), (1, 2, 90), (7, 1, 3_600_000)].map(|(t, n, ms)| (t, n, found_max(ms))));
    }

    /// The highest value of the bucket, in whole milliseconds, as the reference tells it.
    fn found_max(ms: u64) -> u64 {
        let mut one = hdrhistogram::Histogram::<u64>::new_with_bounds(1, 3_600_000_000, 3).unwrap();
        one.record(ms * 1_000).unwrap();
        one.max() / 1_000
    }
}
