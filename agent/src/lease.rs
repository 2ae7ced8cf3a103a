//! Permission to fire until a deadline: no lease, no load.

use std::sync::atomic::{AtomicU64, Ordering};

/// The end of the lease on the local clock. The control thread renews it; engine threads compare every arrival.
#[derive(Debug, Default)]
pub struct Lease {
    end: AtomicU64,
}

impl Lease {
    /// Extends the lease to `end` (local clock); never shortens it.
    pub fn renew(&self, end: u64) {
        self.end.fetch_max(end, Ordering::Relaxed);
    }

    /// Ends it at once.
    pub fn revoke(&self) {
        self.end.store(0, Ordering::Relaxed);
    }

    /// Whether firing is allowed at `now` (local clock).
    #[must_use]
    pub fn holds(&self, now: u64) -> bool {
        // A relaxed load is enough: the value is a deadline, and reading an older one only means less time.
        now < self.end.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_holds_until_its_end_and_only_grows() {
        let lease = Lease::default();
        assert!(!lease.holds(0));
        lease.renew(10);
        lease.renew(5);
        assert!(lease.holds(9) && !lease.holds(10));
        lease.revoke();
        assert!(!lease.holds(1));
    }
}
