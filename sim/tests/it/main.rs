//! Some seeds, each in a process of its own.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics, helpers outside #[test] included")]

use std::process::Command;

fn sim(args: &[&str]) -> (bool, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_sim")).args(args).output().unwrap();
    (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned())
}

#[test]
fn calm_weather_leaves_no_trace() {
    let (good, output) = sim(&["--seeds", "8", "--weather", "calm"]);
    assert!(good, "{output}");
}

#[test]
fn bad_weather_breaks_no_rule() {
    for weather in ["rough", "wild"] {
        let (good, output) = sim(&["--seeds", "12", "--weather", weather]);
        assert!(good, "{output}");
    }
}

#[test]
fn the_checks_find_broken_engines() {
    for (sabotage, weather, told) in [
        ("twice", "calm", "seen by the target twice"),
        ("uncounted", "calm", "BROKEN"),
        ("no-lease", "rough", "without a lease"),
    ] {
        let (good, output) = sim(&["--seeds", "4", "--weather", weather, "--sabotage", sabotage]);
        assert!(!good && output.contains(told), "{sabotage}: {output}");
    }
}

#[test]
fn the_same_seed_gives_the_same_history() {
    for (seed, weather) in [("3", "calm"), ("4", "rough"), ("20", "wild"), ("28", "wild")] {
        let (_, first) = sim(&["--seed", seed, "--weather", weather]);
        let (_, second) = sim(&["--seed", seed, "--weather", weather]);
        assert!(first.contains("digest "), "{first}");
        assert_eq!(first, second);
    }
}
