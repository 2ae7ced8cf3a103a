//! House rules that no compiler knows: who may import whom, how long a file may be, that every shown plan is one.

use common::plan::Plan;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

const CRATES: [&str; 9] = ["common", "proto", "agent", "controller", "demo", "sim", "chaos", "bench", "fuzz"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Every Rust file below a folder of the repository, with its path from the root and its text.
fn sources(folder: &str) -> Vec<(String, String)> {
    let (mut found, mut folders) = (Vec::new(), vec![root().join(folder)]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned();
                found.push((name, std::fs::read_to_string(path).unwrap()));
            }
        }
    }
    assert!(!found.is_empty(), "no sources in {folder}");
    found
}

/// The code of a file without comments, up to its tests: in tests everything may be used.
fn code(text: &str) -> String {
    let is_test = |line: &&str| line.starts_with("#[cfg(test)]") || line.starts_with("#[cfg(all(test");
    let lines = text.lines().take_while(|line| !is_test(line));
    lines.filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

/// The names that follow `prefix` at the beginning of a path; `{a, b}` are several.
fn names_after<'a>(code: &'a str, prefix: &str) -> Vec<&'a str> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let first = |text: &'a str| text.trim_start().split(|c| !is_part(c)).next().unwrap_or("");
    let mut names = Vec::new();
    for (at, _) in code.match_indices(prefix) {
        // `stampede_agent::` and `crate::agent::` end like `agent::` but mean something else.
        if code[..at].ends_with(|c| is_part(c) || c == ':') {
            continue;
        }
        let rest = &code[at + prefix.len()..];
        let Some(list) = rest.strip_prefix('{') else {
            names.push(first(rest));
            continue;
        };
        let mut depth = 0;
        for part in list.split_inclusive([',', '{', '}']) {
            if depth == 0 {
                names.push(first(part));
            }
            depth += i32::from(part.ends_with('{')) - i32::from(part.ends_with('}'));
            if depth < 0 {
                break;
            }
        }
    }
    names.retain(|name| !name.is_empty());
    names
}

#[test]
fn a_module_imports_only_modules_declared_above_it() {
    for package in CRATES {
        let lib = code(&std::fs::read_to_string(root().join(package).join("src/lib.rs")).unwrap());
        let declared = lib.lines().filter_map(|line| {
            let module = line.strip_prefix("pub ").unwrap_or(line).strip_prefix("mod ")?;
            module.strip_suffix(';')
        });
        let places: BTreeMap<&str, usize> = declared.enumerate().map(|(place, name)| (name, place)).collect();
        for (file, text) in sources(&format!("{package}/src")) {
            let inner = file.strip_prefix(&format!("{package}/src/")).unwrap();
            let module = inner.split(['/', '.']).next().unwrap();
            let Some(own) = places.get(module).filter(|_| !inner.contains("tests")) else { continue };
            let text = code(&text);
            let mut names = names_after(&text, "crate::");
            if !inner.contains('/') {
                // Above a file of the first level is the crate itself.
                names.extend(names_after(&text, "super::"));
            }
            for name in names {
                let is_above = places.get(name).is_none_or(|place| place <= own);
                assert!(is_above, "{file}: `{module}` imports `{name}`, which lib.rs declares below it");
            }
        }
    }
}

#[test]
fn arrows_between_crates_point_one_way() {
    let only = |package: &str, other: &str, allowed: &[&str]| {
        for (file, text) in sources(&format!("{package}/src")) {
            let uses = !names_after(&code(&text), &format!("{other}::")).is_empty();
            assert!(!uses || allowed.contains(&&*file), "{file} uses {other}");
        }
    };
    for other in ["proto", "agent", "controller", "demo"] {
        only("common", other, &[]);
    }
    for other in ["agent", "controller", "demo"] {
        only("proto", other, &[]);
    }
    for other in ["common", "proto", "agent", "controller"] {
        only("demo", other, &[]);
    }
    for package in ["common", "proto", "agent", "controller", "demo"] {
        only(package, "stampede_sim", &[]);
    }
    only("sim", "demo", &[]);
    for other in ["agent", "controller"] {
        only("chaos", other, &[]);
    }
    for other in ["agent", "controller"] {
        only("bench", other, &[]);
    }
    for package in ["common", "proto", "agent", "controller", "demo"] {
        only(package, "chaos", &[]);
        only(package, "stampede_bench", &[]);
    }
    only("agent", "controller", &[]);
    only("agent", "demo", &[]);
    only("controller", "agent", &["controller/src/local.rs"]);
    only("controller", "demo", &["controller/src/demo_command.rs"]);
}

#[test]
fn no_file_is_longer_than_a_reader_likes() {
    for package in CRATES {
        for (file, text) in sources(package) {
            let lines = text.lines().count();
            assert!(lines <= LINES_MAX || file.contains("/generated/"), "{file} has {lines} lines");
        }
    }
}

#[test]
fn every_plan_that_is_shown_is_a_plan() {
    let mut plans = Vec::new();
    for entry in std::fs::read_dir(root().join("deploy/plans")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "toml") {
            continue;
        }
        plans.push((path.display().to_string(), std::fs::read_to_string(&path).unwrap()));
    }
    assert!(!plans.is_empty());
    let pages =
        ["README.md", "ARCHITECTURE.md"].map(|page| (page, std::fs::read_to_string(root().join(page))));
    for (page, text) in pages {
        let text = text.unwrap_or_default();
        let blocks = text.split("```toml\n").skip(1).map(|rest| rest.split("```").next().unwrap_or(""));
        let shown = blocks.filter(|block| block.contains("[[scenario]]"));
        plans.extend(shown.map(|block| (page.to_owned(), block.to_owned())));
    }
    for (name, text) in plans {
        if let Err(problems) = Plan::parse(&name, &text) {
            panic!("{problems}");
        }
    }
}

/// Above this a noun is missing.
const LINES_MAX: usize = 400;

#[test]
fn imports_are_found_wherever_they_stand() {
    for (line, expected) in [
        ("use crate::a::b;", &["a"][..]),
        ("use crate::{a, b::{c, d}, e};", &["a", "b", "e"]),
        ("    let x = crate::a::f(crate::b::g());", &["a", "b"]),
        ("use crate::{\n    a::{self, x},\n    b,\n};\nfn f() { c }", &["a", "b"]),
        ("use supercrate::a;", &[]),
    ] {
        assert_eq!(names_after(line, "crate::"), expected, "{line}");
    }
}
