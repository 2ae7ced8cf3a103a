//! What of a load can be changed now, and why not.

use crate::coordinator::{Coordinator, Watcher};
use common::curve::Curve;
use common::data::Order;
use common::plan::{Load, Pace, Swell, UsersLoad};
use common::run::State;
use common::supply::USERS_MAX;

impl<W: Watcher> Coordinator<W> {
    /// The number of a scenario whose rate can be changed now.
    pub(super) fn rated(&self, name: &str) -> Result<u32, String> {
        let number = self.numbered(name)?;
        match &self.books.plan().scenarios[number].load {
            Load::Users(_) => {
                return Err(format!(
                    "{name} has users, not a rate: change them with `controller users {name} N`"
                ));
            }
            Load::Tries(_) => return Err(format!("{name} has a number of tries, not a rate")),
            Load::Replay(load) if matches!(load.pace, Pace::Original { .. }) => {
                return Err(format!(
                    "{name} replays a log with its own distances: only at = \"100/s\" can be changed"
                ));
            }
            Load::Replay(_) | Load::Rate(_) => {}
        }
        self.changeable(name, number)
    }

    /// The number of a scenario whose users can be changed so now.
    pub(super) fn peopled(&self, name: &str, users: u32, spawn_milli: Option<u64>) -> Result<u32, String> {
        let number = self.numbered(name)?;
        let load = match &self.books.plan().scenarios[number].load {
            Load::Users(load) => load,
            Load::Tries(_) => {
                return Err(format!(
                    "{name} has a number of tries for the users that the plan says: they stay"
                ));
            }
            Load::Rate(_) | Load::Replay(_) => {
                return Err(format!(
                    "{name} has a rate, not users: change it with `controller rate {name} 100/s`"
                ));
            }
        };
        if users > USERS_MAX {
            return Err(format!("{users} users are more than the {USERS_MAX} that a scenario can have"));
        }
        self.has_rows_for(name, load, users)?;
        let number = self.changeable(name, number)?;
        let at = self.run_time() + self.run.timers().move_lead;
        let left = self.books.end_of(number as usize).since(at);
        let there = self.books.users_of(number as usize, at).unwrap_or_default();
        let takes = spawn_milli.map(|milli| Swell::spawning(there.abs_diff(users), milli));
        match takes.filter(|takes| *takes >= left) {
            Some(takes) => Err(format!(
                "from {there} to {users} users takes {:.0} s, and the load of {name} is over in {:.0} s: choose a higher \
                 spawn rate",
                takes.as_secs_f64().ceil(),
                left.as_secs_f64()
            )),
            None => Ok(number),
        }
    }

    /// Rows that are dealt to one iteration each are dealt by the most users of the plan.
    fn has_rows_for(&self, name: &str, load: &UsersLoad, users: u32) -> Result<(), String> {
        let most = Curve::of(&load.swells, common::time::RunTime::ZERO).peak();
        let unique = self.books.plan().data.iter().find(|data| data.order == Order::Unique);
        match unique.filter(|_| users > most) {
            Some(data) => Err(format!(
                "the rows of {} are dealt to at most {most} users of {name}, the most that the plan has: choose no more",
                data.name
            )),
            None => Ok(()),
        }
    }

    /// Whether the run can be paused now, or go on.
    pub(super) fn pausable(&self, pause: bool) -> Result<(), String> {
        self.is_on()?;
        let paused = self.steering.pausing().unwrap_or_else(|| self.books.is_paused());
        if self.run_time() + self.run.timers().move_lead >= self.books.end() {
            return Err("the load is over".into());
        }
        match (pause, paused) {
            (true, true) => Err("the run is paused already: `controller resume` goes on with it".into()),
            (false, false) => Err("the run is not paused".into()),
            _ => Ok(()),
        }
    }

    fn numbered(&self, name: &str) -> Result<usize, String> {
        let scenarios = &self.books.plan().scenarios;
        scenarios.iter().position(|scenario| scenario.name == name).ok_or_else(|| {
            let names: Vec<&str> = scenarios.iter().map(|scenario| scenario.name.as_str()).collect();
            format!("there is no scenario {name:?}; there are: {}", names.join(", "))
        })
    }

    fn changeable(&self, name: &str, number: usize) -> Result<u32, String> {
        self.is_on()?;
        if self.run_time() + self.run.timers().move_lead >= self.books.end_of(number) {
            return Err(format!("the load of {name} is over"));
        }
        u32::try_from(number).map_err(|error| error.to_string())
    }

    fn is_on(&self) -> Result<(), String> {
        if self.run.state() != State::Running || self.zero_at.is_none() {
            return Err("the load is not on: it can be changed while it runs".into());
        }
        Ok(())
    }
}
