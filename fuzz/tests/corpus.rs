//! Every kept input through its target, without a fuzzer.

#![cfg(test)]

use stampede_fuzz::{TARGETS, seeds};
use std::path::PathBuf;

fn corpus(target: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target)
}

/// The name of every file in a folder, and what is in it.
fn files(folder: PathBuf) -> Vec<(String, Vec<u8>)> {
    let entries = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let read = |entry: std::fs::DirEntry| {
        (entry.file_name().into_string().unwrap(), std::fs::read(entry.path()).unwrap())
    };
    let mut files: Vec<_> = entries.map(|entry| read(entry.unwrap())).collect();
    files.sort();
    files
}

#[test]
fn no_kept_input_breaks_a_promise() {
    for (target, run) in TARGETS {
        let files = files(corpus(target));
        assert!(!files.is_empty(), "{target}");
        for (name, bytes) in files {
            let outcome = std::panic::catch_unwind(|| run(&bytes));
            assert!(outcome.is_ok(), "corpus/{target}/{name} breaks a promise: its message stands above");
        }
    }
}

#[test]
fn no_input_to_begin_with_breaks_a_promise() {
    let seeds = seeds::all();
    for (target, run) in TARGETS {
        let own: Vec<_> = seeds.iter().filter(|seed| seed.target == target).collect();
        assert!(!own.is_empty(), "{target}");
        for seed in own {
            let outcome = std::panic::catch_unwind(|| run(&seed.bytes));
            assert!(outcome.is_ok(), "{target}, {} breaks a promise: its message stands above", seed.name);
        }
    }
}

#[test]
fn every_folder_of_inputs_has_a_target_and_a_program() {
    let mut names: Vec<String> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let listed = |folder: &str| {
        let entries = std::fs::read_dir(root.join(folder)).unwrap();
        let mut listed: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
        listed.sort();
        listed.iter().map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    names.sort();
    assert_eq!(listed("corpus"), names);
    assert_eq!(listed("libfuzzer/fuzz_targets"), names);
}
