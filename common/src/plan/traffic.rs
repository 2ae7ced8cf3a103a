//! Loads: how much, when, in which model.

use super::replay::ReplayLoad;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::rate::Rate;

/// How much load a scenario makes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Load {
    /// Open model: arrivals come however slowly the target answers.
    Rate(RateLoad),
    /// Arrivals are those of a log.
    Replay(Box<ReplayLoad>),
    /// Closed model: users who wait for their answers, as many as a curve says.
    Users(UsersLoad),
    /// Closed model: a number of iterations, done by some users together.
    Tries(TriesLoad),
}

/// Users over time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsersLoad {
    /// One after the other, from no users on; at least one.
    pub swells: Vec<Swell>,
}

/// A piece of a curve of users.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Swell {
    /// Users at its end; at most 2²⁰.
    pub users: u32,
    /// Above zero.
    pub duration: Duration,
    /// How it comes to that number.
    pub change: Change,
}

/// How the number of users changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// At the piece's beginning.
    AtOnce,
    /// On a straight line over the whole piece.
    Line,
    /// One user after the other at this rate, above zero.
    Spawn(Rate),
}

/// A number of iterations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TriesLoad {
    /// How many; at least one.
    pub count: u64,
    /// How many users do them together; at least one, at most 2²⁰.
    pub users: u32,
    /// What was not begun within this time is skipped.
    pub within: Duration,
}

/// What a failed step does to its iteration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum OnError {
    /// Nothing: the next step follows.
    #[default]
    Continue,
    /// It ends the iteration.
    Stop,
}

/// Arrivals per second over time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RateLoad {
    /// One after the other; at least one, and at least one rate above zero.
    pub stages: Vec<Stage>,
    /// How arrivals are spread within the rate.
    pub arrivals: Arrivals,
}

/// A piece of a load: the rate goes in a straight line from `from` to `to`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stage {
    /// Rate at the stage's beginning.
    pub from: Rate,
    /// Rate at the stage's end; equal to `from` for a hold.
    pub to: Rate,
    /// Above zero; at most a day for a ramp.
    pub duration: Duration,
}

/// How arrivals are spread within the rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Arrivals {
    /// Equal distances.
    #[default]
    Even,
    /// Random distances, as from many independent users.
    Poisson,
}

impl Load {
    /// How long the load lasts.
    #[must_use]
    pub fn duration(&self) -> Duration {
        match self {
            Self::Rate(load) => load.stages.iter().map(|stage| stage.duration).sum(),
            Self::Users(load) => load.swells.iter().map(|swell| swell.duration).sum(),
            Self::Tries(load) => load.within,
            Self::Replay(load) => load.duration(),
        }
    }

    /// Whether users wait for their answers before they send again.
    #[must_use]
    pub const fn is_closed(&self) -> bool {
        matches!(self, Self::Users(_) | Self::Tries(_))
    }
}
