//! Which connection a request may use again.

use crate::engine::visitors::Owner;
use common::plan::{Connection as Policy, Reuse};
use common::time::RunTime;
use std::collections::HashMap;
use std::time::Duration;

/// Idle connections. One that is taken out is nobody else's until it is put back, so that no two requests share one.
#[derive(Debug)]
pub(super) struct Pool<C> {
    limits: Limits,
    idle: Idle<C>,
}

#[derive(Debug)]
enum Idle<C> {
    /// Anybody's.
    Shared(Vec<C>),
    /// By owner: one each, because a user sends one request at a time.
    Owned(HashMap<Owner, C>),
    /// None: every request makes its own.
    None,
}

/// How long a connection is used.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    requests: u32,
    age: Duration,
}

/// What a connection has behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Life {
    pub(super) born: RunTime,
    /// Requests that were sent on it.
    pub(super) requests: u32,
}

impl Limits {
    /// Whether a connection may get another request at `now`.
    pub(super) fn allow(self, life: Life, now: RunTime) -> bool {
        life.requests < self.requests && now.since(life.born) < self.age
    }
}

impl<C> Pool<C> {
    pub(super) fn new(policy: &Policy) -> Self {
        let requests = policy.max_requests.map_or(u32::MAX, std::num::NonZero::get);
        let limits = Limits { requests, age: policy.max_age.unwrap_or(Duration::MAX) };
        let idle = match policy.reuse {
            Reuse::Pooled => Idle::Shared(Vec::new()),
            Reuse::PerUser => Idle::Owned(HashMap::new()),
            Reuse::PerRequest => Idle::None,
        };
        Self { limits, idle }
    }

    /// An idle connection for a request of `owner`: the one used last, for the others may rest and be closed by the
    /// target. Those that `is_good` does not take are dropped.
    pub(super) fn take(&mut self, owner: Owner, is_good: impl FnMut(&C) -> bool) -> Option<C> {
        match &mut self.idle {
            Idle::Shared(idle) => std::iter::from_fn(|| idle.pop()).find(is_good),
            Idle::Owned(idle) => idle.remove(&owner).filter(is_good),
            Idle::None => None,
        }
    }

    /// Puts a connection back; gives it up when nobody may use it again.
    pub(super) fn put(&mut self, owner: Option<Owner>, connection: C) -> Result<(), C> {
        match (&mut self.idle, owner) {
            (Idle::Shared(idle), _) => idle.push(connection),
            (Idle::Owned(idle), Some(owner)) => {
                if let Some(other) = idle.insert(owner, connection) {
                    return Err(other);
                }
            }
            // Made before the run, for nobody.
            (Idle::Owned(_), None) | (Idle::None, _) => return Err(connection),
        }
        Ok(())
    }

    /// The idle connection of somebody who is gone.
    pub(super) fn release(&mut self, owner: Owner) -> Option<C> {
        if let Idle::Owned(idle) = &mut self.idle { idle.remove(&owner) } else { None }
    }

    /// How long its connections are used.
    pub(super) const fn limits(&self) -> Limits {
        self.limits
    }

    /// Whether connections may be made before anybody asks for one.
    pub(super) const fn is_shared(&self) -> bool {
        matches!(self.idle, Idle::Shared(_))
    }

    /// Forgets those that are no good when there are many more of them than `alive`.
    pub(super) fn tidy(&mut self, alive: usize, is_good: impl Fn(&C) -> bool) {
        match &mut self.idle {
            Idle::Shared(idle) if idle.len() > 2 * alive => idle.retain(is_good),
            Idle::Owned(idle) if idle.len() > 2 * alive => idle.retain(|_, connection| is_good(connection)),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashSet;
    use std::num::NonZeroU32;

    fn owner(number: u64) -> Owner {
        Owner { scenario: 0, number }
    }

    fn policy(reuse: Reuse, max_requests: Option<u32>, max_age: Option<u64>) -> Policy {
        Policy {
            reuse,
            max_requests: max_requests.and_then(NonZeroU32::new),
            max_age: max_age.map(Duration::from_secs),
            ..Policy::default()
        }
    }

    /// The connections of a made-up client.
    struct World {
        pool: Pool<usize>,
        lives: Vec<(Life, HashSet<u64>)>,
    }

    impl World {
        fn send(&mut self, number: u64, now: RunTime) -> usize {
            let (limits, lives) = (self.pool.limits(), &mut self.lives);
            let taken = self.pool.take(owner(number), |one| limits.allow(lives[*one].0, now));
            let one = taken.unwrap_or_else(|| {
                lives.push((Life { born: now, requests: 0 }, HashSet::new()));
                lives.len() - 1
            });
            lives[one].0.requests += 1;
            lives[one].1.insert(number);
            one
        }

        fn answer(&mut self, number: u64, one: usize, now: RunTime) {
            if self.pool.limits().allow(self.lives[one].0, now) {
                self.pool.put(Some(owner(number)), one).unwrap_or_default();
            }
        }
    }

    proptest! {
        /// Whatever is sent and answered in whatever order: nobody shares a connection, and none is used beyond its
        /// limits.
        #[test]
        fn connections_are_used_as_the_policy_says(
            reuse in prop_oneof![Just(Reuse::Pooled), Just(Reuse::PerUser), Just(Reuse::PerRequest)],
            max_requests in proptest::option::of(1_u32..5),
            max_age in proptest::option::of(1_u64..20),
            steps in proptest::collection::vec((0_u64..6, 0_u64..5), 1..200),
        ) {
            let pool = Pool::new(&policy(reuse, max_requests, max_age));
            let mut world = World { pool, lives: Vec::new() };
            let mut flying: HashMap<u64, usize> = HashMap::new();
            let mut now = RunTime::ZERO;
            for (number, seconds) in steps {
                now = now + Duration::from_secs(seconds);
                if let Some(one) = flying.remove(&number) {
                    world.answer(number, one, now);
                    continue;
                }
                let one = world.send(number, now);
                prop_assert!(flying.values().all(|other| *other != one), "two requests on one connection");
                flying.insert(number, one);
                let (life, users) = &world.lives[one];
                prop_assert!(life.requests <= max_requests.unwrap_or(u32::MAX));
                if life.requests > 1 {
                    prop_assert!(reuse != Reuse::PerRequest);
                    let age = now.since(life.born);
                    prop_assert!(max_age.is_none_or(|most| age < Duration::from_secs(most)));
                }
                prop_assert!(reuse != Reuse::PerUser || users.len() == 1, "shared by users");
            }
        }
    }

    #[test]
    fn a_connection_is_used_to_its_limit_exactly() {
        let pool = Pool::new(&policy(Reuse::Pooled, Some(3), None));
        let mut world = World { pool, lives: Vec::new() };
        for _ in 0..9 {
            let one = world.send(0, RunTime::ZERO);
            world.answer(0, one, RunTime::ZERO);
        }
        let used: Vec<u32> = world.lives.iter().map(|(life, _)| life.requests).collect();
        assert_eq!(used, [3, 3, 3]);
    }

    #[test]
    fn who_is_gone_leaves_no_connection() {
        let mut pool = Pool::new(&policy(Reuse::PerUser, None, None));
        pool.put(Some(owner(7)), "c").unwrap();
        assert_eq!(pool.release(owner(8)), None);
        assert_eq!(pool.release(owner(7)), Some("c"));
        assert_eq!(pool.take(owner(7), |_| true), None);
        assert_eq!(pool.put(None, "warm"), Err("warm"), "nobody's connection helps nobody");
    }
}
