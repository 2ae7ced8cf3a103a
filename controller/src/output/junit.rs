//! The verdict as JUnit XML, for whatever shows test results: a case for each threshold and one for the run itself.

use crate::text::measured;
use common::report::{Judgment, Report, ThresholdRow};
use quick_junit::{NonSuccessKind, Property, Report as Document, TestCase, TestCaseStatus, TestSuite};

/// The document. Characters that XML cannot hold are left out.
pub(super) fn render(report: &Report) -> Result<String, String> {
    let mut suite = TestSuite::new(report.run.name.clone());
    for (name, value) in [
        ("run", report.run.id.clone()),
        ("started_at", report.run.started_at.clone()),
        ("duration_s", report.run.duration_s.to_string()),
        ("seed", report.run.seed.to_string()),
        ("agents", report.agents.len().to_string()),
    ] {
        suite.add_property(Property::new(name, value));
    }
    suite.add_test_case(run(report));
    suite.add_test_cases(report.thresholds.iter().map(threshold));
    let mut document = Document::new("stampede");
    document.add_test_suite(suite);
    document.to_string().map_err(|error| format!("write JUnit: {error}"))
}

/// Whether the load was delivered and the numbers can be trusted; what thresholds say is theirs.
fn run(report: &Report) -> TestCase {
    let result = report.verdict.result;
    let status = match result {
        Judgment::Pass | Judgment::Fail => TestCaseStatus::success(),
        Judgment::GeneratorLimited | Judgment::Degraded | Judgment::Aborted | Judgment::Invalid => {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
            status.set_message(result.name().replace('_', " "));
            status.set_description(report.verdict.reasons.join("\n"));
            status
        }
    };
    let mut case = TestCase::new("the asked load was delivered", status);
    case.set_classname(report.run.name.clone());
    if report.verdict.is_doubtful_pass() {
        case.set_system_err(report.verdict.reasons.join("\n"));
    }
    case
}

fn threshold(row: &ThresholdRow) -> TestCase {
    let status = if row.holds {
        TestCaseStatus::success()
    } else {
        let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
        let note = row.note();
        let apart = if note.is_empty() { "" } else { "; " };
        status.set_message(format!("measured {}{apart}{note}", measured(row)));
        status
    };
    let mut case = TestCase::new(format!("{} {}", row.name(), row.limit), status);
    case.set_classname("thresholds");
    case
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::tests::report as sample;

    #[test]
    fn thresholds_are_cases_and_a_run_that_cannot_be_trusted_is_an_error() {
        let mut report = sample();
        report.verdict.result = Judgment::Invalid;
        report.verdict.reasons = vec!["the books <do not> balance".into()];
        let xml = render(&report).unwrap();
        let cases = report.thresholds.len() + 1;
        let failed = report.thresholds.iter().filter(|row| !row.holds).count();
        assert!(xml.contains(&format!("tests=\"{cases}\"")), "{xml}");
        assert!(xml.contains(&format!("failures=\"{failed}\"")) && xml.contains("errors=\"1\""), "{xml}");
        assert!(xml.contains("&lt;do not"), "{xml}");
        for row in &report.thresholds {
            assert!(xml.contains(&row.metric), "{xml}");
        }
    }
}
