//! `controller import`.

use crate::exit::{Exit, Failure};
use crate::import::{Import, Kind};
use crate::live::say;
use crate::start::print;
use clap::Args;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(super) struct ImportArgs {
    /// What kind of file it is.
    #[arg(value_enum)]
    kind: Kind,
    /// The file.
    file: PathBuf,
    /// The plan to be written, or a folder for plan.toml; `-` prints it.
    #[arg(short, long, default_value = "plan.toml", value_name = "PATH")]
    out: PathBuf,
    /// The target, when it is another than the file's.
    #[arg(long, value_name = "URL")]
    base_url: Option<String>,
    /// Write over a plan that is there already.
    #[arg(long)]
    force: bool,
}

impl ImportArgs {
    pub(super) fn run(self) -> Result<Exit, Failure> {
        let Self { kind, file, out, base_url, force } = self;
        let (printed, told) = Import { kind, file, out, base_url, force }.run()?;
        print(&printed);
        told.lines().for_each(say);
        Ok(Exit::Ok)
    }
}
