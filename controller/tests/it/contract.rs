//! What other programs read keeps to what is told of it.

use crate::cluster::{Cluster, beside, plan};
use crate::programs::Program;
use crate::targets::demo;
use fits::misfits;
use serde_json::Value;

#[path = "../../../common/src/report/tests/fits.rs"]
mod fits;

#[test]
fn the_report_of_a_run_fits_the_schema_that_is_printed() {
    let _beside = beside();
    let demo = demo();
    let rules = "[[threshold]]\nmetric = \"response_time.p99\"\nlimit = \"< 1us\"\n\
                 [[threshold]]\nmetric = \"error_rate\"\nlimit = \"< 90%\"\n";
    let load = "load.users = [{ at = 2, for = \"1s\" }]\nthink = \"50ms\"";
    let text = plan(&demo.url(), "", load, &format!("path = \"/status/503\"\n{rules}"));
    let (run, folder) = Cluster::controller(&text, &["--rows"]).end_keeping();
    assert_eq!(run.controller.code, Some(99), "{}", run.controller.stderr);
    let text = std::fs::read_to_string(folder.path().join("out/report.json")).unwrap();
    let report: Value = serde_json::from_str(&text).unwrap();
    let printed = Program::controller(&["runs", "schema"]).end();
    let schema: Value = serde_json::from_str(&printed.stdout).unwrap();
    assert_eq!(misfits(&schema, &report), Vec::<String>::new());
    assert_eq!(report["version"], 1);
    for key in ["samples", "pulse", "timeline", "thresholds"] {
        assert_ne!(report[key], Value::Array(vec![]), "{key}");
    }
    assert_ne!(report["rows"], Value::Null);
}
