//! The controller of Stampede: splits the load, merges what the agents measured, reports.
//!
//! One task (`coordinator`) owns a run; everything around it carries bytes to it or shows what it decided.

pub mod clock;
pub mod exit;
pub mod import;
pub mod text;
pub mod replay;
pub mod pages;
pub mod metrics;
pub mod output;
pub mod files;
pub mod journal;
pub mod store;
pub mod chronicle;
pub mod books;
pub mod collect;
pub mod rpc;
pub mod sessions;
pub mod coordinator;
pub mod conduct;
pub mod feed;
pub mod otlp;
pub mod runs;
pub mod compare;
pub mod admin;
pub mod live;
pub mod terminal;
pub mod watch;
pub mod local;
pub mod host;
pub mod read;
pub mod desk;
pub mod web;
pub mod start;
pub mod submit;
pub mod plan_show;
pub mod rows;
pub mod demo_command;
pub mod health;
pub mod steering;
pub mod cli;
