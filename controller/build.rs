//! Takes plotly.js out of the `plotly` crate, leaves of it what our charts need, and packs it, so that page and reports
//! draw without a network and at once.

use flate2::{Compression, GzBuilder};
use plotly::Plot;
use std::collections::{HashMap, HashSet};
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
    packed.write_all(Bundle::of(script).shaken().as_bytes()).expect("memory takes everything");
    let packed = packed.finish().expect("memory takes everything");
    let out = PathBuf::from(std::env::var_os("OUT_DIR").expect("cargo names it")).join("plotly.js.gz");
    std::fs::write(&out, packed).expect("the folder that cargo made can be written to");
}

/// A script that esbuild made of modules:
///
/// ```text
/// head  var a=wrap((…)=>{…});  var b=wrap((…)=>{…});  …  var z=wrap((…)=>{….register([b(),…])…});  tail
/// ```
///
/// Each module is run when another one calls it by its name for the first time; the last one takes in what can be drawn
/// besides lines. Parsing and running all of it takes most of the time until a page is drawn, so that what nobody calls
/// any more is cut out when only heat maps are taken in.
struct Bundle<'a> {
    head: &'a str,
    /// All but the last, each with everything up to the next one.
    modules: Vec<&'a str>,
    /// Where the module of a name stands among them.
    places: HashMap<&'a str, usize>,
    last: &'a str,
    /// How modules are wrapped that are called otherwise.
    other_wrap: String,
}

impl<'a> Bundle<'a> {
    fn of(script: &'a str) -> Self {
        let named = |body: &str| last_word(script.split_once(body).expect("esbuild's wrappers").0);
        let wrap = format!("={}(", named("=(e,t)=>()=>(t||e((t={exports:{}}).exports,t),t.exports)"));
        let other_wrap = format!("={}(", named("=(e,t)=>()=>(e&&(t=e(e=0)),t)"));
        let start = |(at, _): (usize, &str)| {
            let name = last_word(&script[..at]);
            let before = &script[..at - name.len()];
            before.ends_with(";var ").then_some((name, before.len() - "var ".len()))
        };
        let starts: Vec<(&str, usize)> = script.match_indices(&wrap).filter_map(start).collect();
        let modules: Vec<&str> = starts.windows(2).map(|two| &script[two[0].1..two[1].1]).collect();
        let places =
            starts.iter().take(modules.len()).zip(0..).map(|((name, _), place)| (*name, place)).collect();
        let (head, _) = script.split_at(starts.first().expect("there are modules").1);
        let (_, last) = script.split_at(starts.last().expect("there are modules").1);
        Self { head, modules, places, last, other_wrap }
    }

    fn shaken(&self) -> String {
        let (before, rest) = self.last.rsplit_once(".register([").expect("what can be drawn is registered");
        let (all, behind) = rest.split_once("])").expect("a list has an end");
        let heat: Vec<&str> = all.split(',').filter(|call| self.draws(call, "heatmap")).collect();
        assert_eq!(heat.len(), 1, "plotly.js draws heat maps");
        let last = format!("{before}.register([{}]){behind}", heat[0]);
        // What holds more than a module stays in any case.
        let stays = |text: &str| !text.ends_with("});") || text.contains(&self.other_wrap);
        let mut todo: Vec<&str> = vec![self.head, &last];
        todo.extend(self.modules.iter().filter(|text| stays(text)));
        let mut called = HashSet::new();
        while let Some(text) = todo.pop() {
            for place in words(text).filter_map(|word| self.places.get(word)) {
                if called.insert(*place) {
                    todo.push(self.modules[*place]);
                }
            }
        }
        let kept =
            self.modules.iter().enumerate().filter(|(place, text)| called.contains(place) || stays(text));
        let kept: String = kept.map(|(_, text)| *text).collect();
        format!("{}{kept}{last}", self.head)
    }

    /// Whether `call` gives what draws such traces: a module that gives what another one says.
    fn draws(&self, call: &str, trace: &str) -> bool {
        let text =
            |call: &str| self.places.get(call.trim_end_matches("()")).map(|place| self.modules[*place]);
        let inner = text(call).and_then(|text| text.rsplit_once(".exports=")?.1.split_once("})"));
        inner
            .and_then(|(inner, _)| text(inner))
            .is_some_and(|text| text.contains(&format!("name:\"{trace}\",")))
    }
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !is_of_a_word(c))
}

fn last_word(text: &str) -> &str {
    text.rsplit(|c: char| !is_of_a_word(c)).next().unwrap_or_default()
}

const fn is_of_a_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '$')
}
