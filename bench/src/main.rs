//! The program.

use clap::Parser;
use stampede_bench::measure::{Cli, run};
use stampede_bench::say::say;
use std::process::ExitCode;

fn main() -> ExitCode {
    match run(&Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            say(&format!("error: {why}"));
            ExitCode::FAILURE
        }
    }
}
