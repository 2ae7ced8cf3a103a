//! Exit codes: the one table.

use common::report::{Judgment, Verdict};
use common::run::Ending;
use std::process::ExitCode;

/// How a command ended, for scripts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// All is well.
    Ok = 0,
    /// The program failed in itself.
    Internal = 1,
    /// The command line does not fit.
    Usage = 2,
    /// A threshold does not hold.
    ThresholdFailed = 99,
    /// The operator stopped the run with `controller stop`.
    Stopped = 103,
    /// The plan is not valid.
    BadPlan = 104,
    /// The run was interrupted.
    Interrupted = 105,
    /// Not enough agents joined or were ready.
    NotEnoughAgents = 106,
    /// The numbers cannot be trusted; with `--strict` also: the plan was not delivered, by the generator's limits or
    /// by faults of the fleet, or every request of a scenario failed.
    Invalid = 108,
}

impl Exit {
    /// How a run ended for scripts; `strict`: whether doubts are a failure: a plan that was not delivered, a scenario of
    /// which every request failed.
    #[must_use]
    pub fn of(verdict: &Verdict, ending: &Ending, strict: bool) -> Self {
        match (verdict.result, ending) {
            (Judgment::Pass, _) if strict && verdict.is_doubtful_pass() => Self::Invalid,
            (Judgment::Pass, _) => Self::Ok,
            (Judgment::GeneratorLimited | Judgment::Degraded, _) if strict => Self::Invalid,
            (Judgment::GeneratorLimited | Judgment::Degraded, _) => Self::Ok,
            (Judgment::Aborted, Ending::Stopped) => Self::Stopped,
            (Judgment::Aborted, Ending::StoreFailed(_)) => Self::Internal,
            (Judgment::Aborted, _) => Self::Interrupted,
            (Judgment::Fail, _) => Self::ThresholdFailed,
            (Judgment::Invalid, _) => Self::Invalid,
        }
    }
}

impl Exit {
    /// The exit of this code; one that is not in the table is the program's own failure.
    #[must_use]
    pub fn of_code(code: u8) -> Self {
        let all = [
            Self::Ok,
            Self::Usage,
            Self::ThresholdFailed,
            Self::Stopped,
            Self::BadPlan,
            Self::Interrupted,
            Self::NotEnoughAgents,
            Self::Invalid,
        ];
        all.into_iter().find(|exit| *exit as u8 == code).unwrap_or(Self::Internal)
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Why a command cannot go on: what the operator reads, and the exit code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The exit code.
    pub exit: Exit,
    /// What was wrong and what would help.
    pub message: String,
}

impl Failure {
    /// A failure with its message.
    pub fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: message.into() }
    }

    /// A failure of the command line or of what it names.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, message)
    }

    /// A failure of the program or its machine.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(Exit::Internal, message)
    }
}
