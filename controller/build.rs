//! Takes plotly.js out of the `plotly` crate and packs it, so that page and reports draw without a network.

use flate2::{Compression, GzBuilder};
use plotly::Plot;
use std::io::Write;
use std::path::PathBuf;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let sources = Plot::offline_js_sources();
    // The first of two scripts; the other one sets formulas.
    let script = sources
        .split_once("<script type=\"text/javascript\">")
        .and_then(|(_, rest)| rest.split_once("</script>\n"))
        .map(|(script, _)| script.trim())
        .expect("the crate gives script elements");
    assert!(script.starts_with("/**\n* plotly.js v"), "the first script is plotly.js with its licence");
    // No time in its head: the same bytes from every build.
    let mut packed = GzBuilder::new().mtime(0).write(Vec::new(), Compression::best());
    packed.write_all(script.as_bytes()).expect("memory takes everything");
    let packed = packed.finish().expect("memory takes everything");
    let out = PathBuf::from(std::env::var_os("OUT_DIR").expect("cargo names it")).join("plotly.js.gz");
    std::fs::write(&out, packed).expect("the folder that cargo made can be written to");
}
