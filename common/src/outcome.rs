//! How a request ended: a closed set. The target's faults and the generator's own are told apart.

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Outcome {
    /// A whole response with an expected status.
    Ok,
    /// A whole response with another status than expected.
    UnexpectedStatus,
    /// The time-out of the step passed.
    Timeout,
    /// The target refused the connection.
    ConnectRefused,
    /// The connection could not be made for another reason (no route, host down).
    ConnectFailed,
    /// The target's name could not be resolved.
    Dns,
    /// The TLS handshake failed.
    Tls,
    /// The connection was reset or closed before the response began.
    Reset,
    /// The response began but its body did not come to its end.
    Body,
    /// The target answered something that is not HTTP, or beyond our limits.
    Protocol,
    /// The agent had no local port left. The generator's own fault.
    NoPort,
    /// The agent had no file descriptor left. The generator's own fault.
    NoDescriptor,
    /// The agent's allow-list forbids the address the target's name resolved to. The generator's own refusal.
    TargetDenied,
    /// A whole response with an expected status that is not as the step expects it otherwise.
    CheckFailed,
    /// A good response in which a value for the steps behind was not found.
    ExtractFailed,
    /// The request could not be put together: a template failed, or what it wanted was not there. The generator's own
    /// fault.
    NotRendered,
}

impl Outcome {
    /// Every outcome, in the order of their numbers.
    pub const ALL: [Self; 16] = [
        Self::Ok,
        Self::UnexpectedStatus,
        Self::Timeout,
        Self::ConnectRefused,
        Self::ConnectFailed,
        Self::Dns,
        Self::Tls,
        Self::Reset,
        Self::Body,
        Self::Protocol,
        Self::NoPort,
        Self::NoDescriptor,
        Self::TargetDenied,
        Self::CheckFailed,
        Self::ExtractFailed,
        Self::NotRendered,
    ];

    /// Its name in reports and files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::UnexpectedStatus => "unexpected_status",
            Self::Timeout => "timeout",
            Self::ConnectRefused => "connect_refused",
            Self::ConnectFailed => "connect_failed",
            Self::Dns => "dns",
            Self::Tls => "tls",
            Self::Reset => "reset",
            Self::Body => "body",
            Self::Protocol => "protocol",
            Self::NoPort => "no_port",
            Self::NoDescriptor => "no_descriptor",
            Self::TargetDenied => "target_denied",
            Self::CheckFailed => "check_failed",
            Self::ExtractFailed => "extract_failed",
            Self::NotRendered => "not_rendered",
        }
    }

    /// Its place in [`Outcome::ALL`].
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }

    /// Whether it counts as an error of the target.
    #[must_use]
    pub const fn is_error(self) -> bool {
        !matches!(self, Self::Ok) && !self.is_generators_own()
    }

    /// Whether the agent is to blame, not the target. Such a request never counts as the target's error.
    #[must_use]
    pub const fn is_generators_own(self) -> bool {
        matches!(self, Self::NoPort | Self::NoDescriptor | Self::TargetDenied | Self::NotRendered)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_outcome_has_its_own_name_and_place() {
        let names: BTreeSet<_> = Outcome::ALL.iter().map(|outcome| outcome.name()).collect();
        assert_eq!(names.len(), Outcome::ALL.len());
        for (place, outcome) in Outcome::ALL.iter().enumerate() {
            assert_eq!(outcome.index(), place);
        }
    }
}
