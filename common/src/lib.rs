//! The pure core of Stampede: schedule, lanes, pacing, measuring, accounting, plan.
//!
//! Nothing here knows a clock, a file, a socket, a thread or a source of randomness: elapsed time, now and seeds
//! come in as arguments. Modules stand in the order of their dependencies; each imports only those above it.

pub mod time;
pub mod rate;
pub mod token;
pub mod lane;
pub mod log;
pub mod tape;
mod nearest;
pub mod answer;
pub mod text;
pub mod path_template;
pub mod cookies;
pub mod multipart;
pub mod think;
pub mod random;
pub mod draw;
pub mod data;
pub mod template;
pub mod threshold;
// The plan's thresholds are checked when it is read, so it stands behind them.
pub mod plan;
pub mod pick;
pub mod script;
pub mod revision;
pub mod schedule;
pub mod curve;
pub mod supply;
pub mod arrivals;
pub mod share;
pub mod owners;
pub mod pacer;
pub mod crowd;
pub mod outcome;
pub mod histogram;
pub mod exponential;
pub mod timeline;
pub mod change;
pub mod counts;
pub mod series;
pub mod human;
pub mod sample;
pub mod measured;
pub mod watch;
pub mod delta;
pub mod pulse;
pub mod replay;
pub mod clock;
pub mod session;
pub mod run;
pub mod ledger;
pub mod report;
pub mod live;
pub mod compare;

#[cfg(test)]
mod fixture;
