//! Where the rows go.

use std::io::Write;

/// Prints a line: the output is the job; a reader that went away is no reason to fail.
pub fn say(line: &str) {
    writeln!(std::io::stdout(), "{line}").unwrap_or_default();
}
