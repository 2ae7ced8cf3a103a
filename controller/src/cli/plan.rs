//! `controller plan`.

use super::{folder_of, scratch};
use crate::exit::{Exit, Failure};
use crate::plan_show::{self, Arrival};
use crate::read::{read_logs, read_plan};
use crate::start::print;
use clap::Subcommand;
use std::path::{Path, PathBuf};

#[derive(Debug, Subcommand)]
pub(super) enum PlanCommand {
    /// Check a plan and show every problem.
    Check {
        /// The plan.
        plan: PathBuf,
    },
    /// Print a plan as it goes to agents, or the requests of one of its arrivals.
    Show {
        /// The plan.
        plan: PathBuf,
        /// The arrival whose requests are printed, for example index:123456; secrets are shown as ***.
        #[arg(long, value_name = "SCENARIO:NUMBER")]
        arrival: Option<Arrival>,
    },
    /// Print the JSON Schema of plan files, for editors.
    Schema,
}

impl PlanCommand {
    pub(super) fn run(self) -> Result<Exit, Failure> {
        match self {
            Self::Check { plan } => check(&plan)?,
            Self::Show { plan, arrival } => print(&plan_show::show(&plan, arrival.as_ref())?),
            Self::Schema => print(&format!("{:#}\n", common::plan::schema())),
        }
        Ok(Exit::Ok)
    }
}

fn check(plan: &Path) -> Result<(), Failure> {
    let effective = read_plan(plan)?;
    let logs = read_logs(effective.clone(), folder_of(plan), scratch()?.path())?.logs;
    for (scenario, log) in &logs {
        print(&format!("log of {scenario}:\n  {}\n", log.tell().join("\n  ")));
    }
    print(&format!("{}: no problems\n", plan.display()));
    let secrets: Vec<String> = effective.plan.secrets().iter().map(ToString::to_string).collect();
    if !secrets.is_empty() {
        print(&format!("every agent needs these secrets: {}\n", secrets.join(", ")));
    }
    Ok(())
}
