//! What must hold whatever bytes a peer sends.
//!
//! Each target is a plain function that takes bytes and panics when a promise is broken. The fuzzer's programs in
//! `libfuzzer/` and the replay of the kept inputs in `tests/` call the same functions, so an input that once broke
//! something is a test for ever: put it into `corpus/<target>/`.

mod frames;
pub mod answer;
pub mod histogram;
pub mod delta;
pub mod plan;
pub mod from_agent;
pub mod from_controller;
pub mod spool;
pub mod seeds;

/// A function that takes any bytes.
pub type Target = fn(&[u8]);

/// Every target with its name, under which its inputs are kept.
pub const TARGETS: [(&str, Target); 7] = [
    ("answer", answer::run),
    ("delta", delta::run),
    ("from_agent", from_agent::run),
    ("from_controller", from_controller::run),
    ("histogram", histogram::run),
    ("plan", plan::run),
    ("spool", spool::run),
];
