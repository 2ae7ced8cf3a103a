//! The report as tables for spreadsheets (RFC 4180).
//!
//! Names come from plans and, in a replay, from logs: a cell that a spreadsheet would take for a formula gets a `'` in
//! front (OWASP, "CSV Injection").

use common::report::{Report, SeriesRow, Summary, TimelineRow};

/// The run over time: one line for each row of the report's timeline, empty where nothing was answered.
#[must_use]
pub(super) fn timeline(report: &Report) -> String {
    let time = |us: Option<u64>| us.map(|us| us.to_string()).unwrap_or_default();
    let line = |row: &TimelineRow| {
        let TimelineRow { t_s, planned, started, errors, fault, .. } = row;
        let [p50, p95, p99] = [row.p50, row.p95, row.p99].map(time);
        let fault = u8::from(*fault);
        format!("{t_s},{},{planned},{started},{errors},{p50},{p95},{p99},{fault}\n", cell(&row.scenario))
    };
    std::iter::once(TIMELINE_HEAD.to_owned()).chain(report.timeline.iter().map(line)).collect()
}

/// The steps: one line for each, times in microseconds, sizes in bytes.
#[must_use]
pub(super) fn steps(report: &Report) -> String {
    let line = |row: &SeriesRow| {
        let names = [cell(&row.scenario), cell(&row.step), row.requests.to_string(), row.errors.to_string()];
        let sums = [row.bytes_in.to_string(), row.bytes_out.to_string()];
        let measures = [&row.response_time, &row.service_time, &row.send_lag, &row.ttfb, &row.size];
        let cells = names.into_iter().chain(measures.into_iter().flat_map(numbers)).chain(sums);
        format!("{}\n", cells.collect::<Vec<_>>().join(","))
    };
    let measures = ["response_time_us", "service_time_us", "send_lag_us", "ttfb_us", "size_bytes"];
    let columns = measures.iter().flat_map(|measure| NUMBERS.map(|number| format!("{measure}_{number}")));
    let names = ["scenario", "step", "requests", "errors"].map(str::to_owned);
    let sums = ["bytes_in", "bytes_out"].map(str::to_owned);
    let head: Vec<String> = names.into_iter().chain(columns).chain(sums).collect();
    std::iter::once(format!("{}\n", head.join(","))).chain(report.series.iter().map(line)).collect()
}

fn numbers(summary: &Summary) -> [String; NUMBERS.len()] {
    let Summary { min, mean, mode, p50, p90, p95, p99, p99_9, max, .. } = summary;
    let mean = format!("{mean:.1}");
    [min.to_string(), mean, mode.to_string(), p50.to_string(), p90.to_string()]
        .into_iter()
        .chain([p95, p99, p99_9, max].map(u64::to_string))
        .collect::<Vec<_>>()
        .try_into()
        .unwrap_or_default()
}

/// A cell: harmless to spreadsheets, in quotes when it holds a comma, a quote or the end of a line.
fn cell(text: &str) -> String {
    let guard = if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { "'" } else { "" };
    if text.contains([',', '"', '\r', '\n']) {
        format!("\"{guard}{}\"", text.replace('"', "\"\""))
    } else {
        format!("{guard}{text}")
    }
}

const TIMELINE_HEAD: &str = "t_s,scenario,planned,started,errors,p50_us,p95_us,p99_us,fault\n";
const NUMBERS: [&str; 9] = ["min", "mean", "mode", "p50", "p90", "p95", "p99", "p99_9", "max"];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::tests::report as sample;

    #[test]
    fn the_timeline_is_csv() {
        let mut report = sample();
        report.timeline[1].scenario = "a \"b\",c".into();
        assert_eq!(
            timeline(&report),
            "t_s,scenario,planned,started,errors,p50_us,p95_us,p99_us,fault\n\
             0,browse,200,199,1,1000,5000,9000,0\n\
             1,\"a \"\"b\"\",c\",200,199,1,,,,1\n"
        );
    }

    #[test]
    fn every_step_is_a_line_with_as_many_cells_as_the_head() {
        let report = sample();
        let mut reader = csv::Reader::from_reader(steps(&report).into_bytes().leak() as &[u8]);
        let head = reader.headers().unwrap().clone();
        let rows: Vec<csv::StringRecord> = reader.records().collect::<Result<_, _>>().unwrap();
        assert_eq!(rows.len(), report.series.len());
        let place = head.iter().position(|name| name == "response_time_us_p99").unwrap();
        assert_eq!(rows[0][place], report.series[0].response_time.p99.to_string());
    }

    #[test]
    fn no_cell_is_a_formula() {
        for (text, expected) in [
            ("=HYPERLINK(\"x\")", "\"'=HYPERLINK(\"\"x\"\")\""),
            ("-1", "'-1"),
            ("@a", "'@a"),
            ("plain", "plain"),
            ("a\nb", "\"a\nb\""),
        ] {
            assert_eq!(cell(text), expected);
        }
    }
}
