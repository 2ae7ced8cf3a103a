//! The real programs: found, started in their place, signalled, ended. None outlives its handle.

use rustix::process::{Pid, Signal, kill_process};
use std::fs::{File, OpenOptions};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

/// Where the programs are.
#[derive(Clone, Debug)]
pub struct Programs {
    folder: PathBuf,
}

/// A running program.
#[derive(Debug)]
pub struct Program {
    child: Child,
}

impl Programs {
    /// In `folder`, or beside the program that runs now.
    ///
    /// # Errors
    /// Names the one that is missing and how to get it.
    pub fn find(folder: Option<PathBuf>) -> Result<Self, String> {
        let own = || {
            let own = std::env::current_exe().map_err(|error| format!("find the own program: {error}"))?;
            Ok::<_, String>(own.parent().map(Path::to_owned).unwrap_or_default())
        };
        let programs = Self { folder: folder.map_or_else(own, Ok)? };
        for name in ["agent", "controller", "demo"] {
            let program = programs.path(name);
            if !program.is_file() {
                let program = program.display();
                return Err(format!(
                    "find {program}: there is none; build it with `cargo build --workspace`, or say where with --programs"
                ));
            }
        }
        Ok(programs)
    }

    /// In `folder`, whatever is there.
    #[must_use]
    pub const fn in_folder(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// A program's file.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}

impl Program {
    /// Starts a command whose output is appended to `log`.
    ///
    /// # Errors
    /// What the system says.
    pub fn start(mut command: Command, log: &Path) -> Result<Self, String> {
        let open = || -> std::io::Result<(File, File)> {
            let file = OpenOptions::new().create(true).append(true).open(log)?;
            Ok((file.try_clone()?, file))
        };
        let (out, err) = open().map_err(|error| format!("write {}: {error}", log.display()))?;
        // In a group of its own: a Ctrl-C is for the runner, which ends its programs itself.
        command.process_group(0).stdin(Stdio::null()).stdout(out).stderr(err);
        let child = command.spawn().map_err(|error| format!("start {command:?}: {error}"))?;
        Ok(Self { child })
    }

    /// Sends a signal; one that has ended does not mind.
    pub fn signal(&mut self, signal: Signal) {
        if self.ended().is_none() {
            kill_process(Pid::from_child(&self.child), signal).unwrap_or_default();
        }
    }

    /// How it ended, if it has.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// Kills it and waits for its end.
    pub fn kill(&mut self) {
        // It may have ended by itself.
        self.child.kill().unwrap_or_default();
        drop(self.child.wait());
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.kill();
    }
}
