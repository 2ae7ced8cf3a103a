//! Why the store cannot go on.

use rusqlite::ErrorCode;
use std::fmt::{Display, Formatter};
use std::path::Path;

/// What went wrong in the database or in what it was given.
#[derive(Debug)]
pub(super) enum Trouble {
    /// SQLite or the disk below it.
    Sql(rusqlite::Error),
    /// Records that cannot be: a defect of the program, or a file that somebody changed.
    Record(String),
}

impl Trouble {
    /// What an operator reads when reading or writing `path` failed; fits after "failed to".
    pub(super) fn told(&self, verb: &str, path: &Path) -> String {
        let place = path.display();
        match self.remedy() {
            "" => format!("{verb} {place}: {self}"),
            remedy => format!("{verb} {place}: {self}; {remedy}"),
        }
    }

    fn remedy(&self) -> &'static str {
        let Self::Sql(error) = self else { return "" };
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => "free some space there",
            Some(ErrorCode::SystemIoFailure) => "look for errors of the disk in the system's log",
            Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied | ErrorCode::CannotOpen) => {
                "see to it that this user may read and write the file and its directory"
            }
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
                "the file is damaged: move it away, or restore a copy of it"
            }
            Some(ErrorCode::DatabaseBusy) => "another program holds the file: end it",
            _ => "",
        }
    }
}

impl Display for Trouble {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Sql(error) => error.fmt(f),
            Self::Record(why) => f.write_str(why),
        }
    }
}

impl From<rusqlite::Error> for Trouble {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sql(error)
    }
}
