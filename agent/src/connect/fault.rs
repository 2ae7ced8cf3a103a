//! Why a connection could not be made: the target's faults and our own, apart.

use std::error::Error;
use std::io;

use common::outcome::Outcome;
use rustix::io::Errno;

use crate::allow::Denied;

/// A connection that could not be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct Failure {
    /// How the request that wanted the connection ends.
    pub outcome: Outcome,
    /// What happened, in one line.
    pub text: String,
}

/// Why a name gives no address to connect to.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unresolved {
    #[error("resolve {host}: {error}")]
    Resolver { host: String, error: std::io::Error },
    #[error("resolve {host}: the name has no address")]
    Nothing { host: String },
}

impl Failure {
    /// The text for whoever waits for the run to begin, with what would help.
    #[must_use]
    pub fn with_remedy(self) -> String {
        match self.outcome {
            // It names its own remedy.
            Outcome::TargetDenied => self.text,
            Outcome::Tls => format!("{}; see target.tls in the plan", self.text),
            Outcome::NoPort | Outcome::NoDescriptor => {
                format!("{}; the agent's machine is at its limits", self.text)
            }
            _ => format!("{}; is the target up, and is target.base_url right?", self.text),
        }
    }
}

impl From<&Denied> for Failure {
    fn from(denied: &Denied) -> Self {
        Self { outcome: Outcome::TargetDenied, text: denied.to_string() }
    }
}

/// Outcome of a failed `socket` or `connect`.
pub(super) fn outcome_of_socket(error: &io::Error) -> Outcome {
    match Errno::from_io_error(error) {
        Some(Errno::CONNREFUSED) => Outcome::ConnectRefused,
        Some(Errno::ADDRNOTAVAIL | Errno::ADDRINUSE) => Outcome::NoPort,
        Some(Errno::MFILE | Errno::NFILE) => Outcome::NoDescriptor,
        _ => Outcome::ConnectFailed,
    }
}

/// The same for a client that hides the reason in its error's chain of sources, like reqwest, whose
/// `is_connect()` must hold.
#[must_use]
pub fn outcome_of(error: &(dyn Error + 'static)) -> Outcome {
    let mut next = Some(error);
    while let Some(error) = next {
        if error.is::<Denied>() {
            return Outcome::TargetDenied;
        }
        if error.is::<Unresolved>() {
            return Outcome::Dns;
        }
        if error.is::<rustls::Error>() {
            return Outcome::Tls;
        }
        next = match error.downcast_ref::<io::Error>() {
            Some(io) if io.raw_os_error().is_some() => return outcome_of_socket(io),
            // Nothing is read before a request but the handshake.
            Some(io) if io.kind() == io::ErrorKind::UnexpectedEof => return Outcome::Tls,
            // Its own `source` would skip what it wraps.
            Some(io) => match io.get_ref() {
                Some(inner) => Some(inner as &(dyn Error + 'static)),
                None => None,
            },
            None => error.source(),
        };
    }
    Outcome::ConnectFailed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_faults_are_told_from_the_targets() {
        for (errno, expected) in [
            (Errno::CONNREFUSED, Outcome::ConnectRefused),
            (Errno::ADDRNOTAVAIL, Outcome::NoPort),
            (Errno::ADDRINUSE, Outcome::NoPort),
            (Errno::MFILE, Outcome::NoDescriptor),
            (Errno::NFILE, Outcome::NoDescriptor),
            (Errno::NETUNREACH, Outcome::ConnectFailed),
            (Errno::HOSTUNREACH, Outcome::ConnectFailed),
            (Errno::TIMEDOUT, Outcome::ConnectFailed),
            (Errno::ACCESS, Outcome::ConnectFailed),
        ] {
            let error = io::Error::from(errno);
            assert_eq!(outcome_of_socket(&error), expected, "{errno}");
            assert_eq!(outcome_of(&io::Error::other(error)), expected, "{errno}, wrapped");
        }
    }
}
