//! What a plan's steps send: the request of (scenario, step, identity), the same whoever sends it.
//!
//! A step whose texts are all literal has one request for all arrivals, made once: [`Script::fixed`]. The others are
//! put together anew by [`Script::message`]. Both clients of the agent send a [`Message`].

mod credentials;
mod resources;
mod step;

use crate::data::Whose;
use crate::plan::{Load, Method, Plan, Scenario, Step};
use crate::template::{Scene, rows_of};

pub use crate::template::{Data, Identity, NotRendered, Resources, Vars};
use credentials::Credentials;
pub use resources::{Secrets, resources};
use step::Sent;

/// A request, apart from where it goes and what the client adds by itself (host, content-length).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Message {
    /// Its method.
    pub method: Method,
    /// Path and query, from the first `/`; without the path of the target's base URL.
    pub path: String,
    /// Lower-case names and values that may stand in a head.
    pub headers: Vec<(String, String)>,
    /// What is sent behind the head; `None`: nothing, and nothing is said about it.
    pub body: Option<Vec<u8>>,
}

/// The requests of a plan.
#[derive(Clone, Debug)]
pub struct Script {
    scenarios: Vec<Part>,
}

#[derive(Clone, Debug)]
struct Part {
    name: String,
    steps: Vec<Sent>,
    /// How many users the load has at most, where an arrival's number tells its user and the user's iteration.
    users: Option<u64>,
    credentials: Option<Credentials>,
    /// So many iterations have a row of each data that is not used again, and the name of the shortest.
    rows: Option<(u64, String)>,
}

/// Who arrival `k` of a load is.
#[must_use]
pub fn identity(load: &Load, k: u64) -> Identity {
    match load {
        Load::Rate(_) | Load::Replay(_) => Identity { k, user: 0, iteration: 0 },
        Load::Users(_) => Identity { k, user: k & ((1 << USER_BITS) - 1), iteration: k >> USER_BITS },
        Load::Tries(load) => {
            let users = u64::from(load.users.max(1));
            Identity { k, user: k % users, iteration: k / users }
        }
    }
}

impl Script {
    /// Makes everything once that is the same for all arrivals. The errors name what the resources do not have.
    pub fn compile(plan: &Plan, resources: &Resources) -> Result<Self, Vec<String>> {
        let (mut scenarios, mut wrong) = (Vec::new(), Vec::new());
        for (number, scenario) in plan.scenarios.iter().enumerate() {
            let steps = scenario.steps.iter().enumerate().filter_map(|(at, step)| {
                let place = step::Where { seed: plan.seed, scenario: &scenario.name, number, step: at };
                let sent = Sent::compile(step, &place, resources);
                sent.map_err(|why| {
                    wrong.push(format!("scenario `{}`, step `{}`: {why}", scenario.name, step.name))
                })
                .ok()
            });
            let (mut steps, rows): (Vec<Sent>, _) = (steps.collect(), rows(scenario, resources));
            // The requests of a replay are the log's.
            if matches!(scenario.load, Load::Replay(_)) {
                steps.clear();
            }
            let credentials = Credentials::compile(plan, number, resources);
            let credentials = credentials.map_err(|why| wrong.push(why)).unwrap_or_default();
            let (name, users) = (scenario.name.clone(), users(scenario));
            scenarios.push(Part { name, steps, users, credentials, rows });
        }
        if wrong.is_empty() { Ok(Self { scenarios }) } else { Err(wrong) }
    }

    /// The request of a step that is the same for all arrivals; `None` for others.
    #[must_use]
    pub fn fixed(&self, scenario: usize, step: usize) -> Option<&Message> {
        match self.scenarios.get(scenario)?.steps.get(step)? {
            Sent::Fixed(message) => Some(message),
            Sent::Varying(_) => None,
        }
    }

    /// Puts the request of a step together; `out` keeps its room.
    pub fn message(
        &self,
        (scenario, step): (usize, usize),
        identity: &Identity,
        vars: &Vars,
        out: &mut Message,
    ) -> Result<(), NotRendered> {
        let sent = self.scenarios.get(scenario).and_then(|scenario| scenario.steps.get(step));
        match sent.ok_or_else(|| NotRendered("no such step".to_owned()))? {
            Sent::Fixed(message) => {
                out.clone_from(message);
                Ok(())
            }
            Sent::Varying(varying) => {
                let dense = self.dense(scenario, identity.k);
                let whose = Whose { k: identity.k, user: identity.user, dense };
                varying.write(&Scene { identity: *identity, whose, vars }, out)
            }
        }
    }

    /// The client certificate and its key, as PEM texts, when everybody has the same.
    #[must_use]
    pub fn fixed_credentials(&self) -> Option<(String, String)> {
        self.scenarios.first()?.credentials.as_ref()?.fixed()
    }

    /// The client certificate and its key of who sends; `None` when everybody has the same, or none.
    pub fn credentials(
        &self,
        scenario: usize,
        identity: &Identity,
    ) -> Option<Result<(String, String), NotRendered>> {
        let credentials = self.scenarios.get(scenario)?.credentials.as_ref()?;
        if credentials.fixed().is_some() {
            return None;
        }
        let whose = Whose { k: identity.k, user: identity.user, dense: self.dense(scenario, identity.k) };
        Some(credentials.write(&Scene { identity: *identity, whose, vars: &Vars::default() }))
    }

    /// The number of an arrival among the iterations of its scenario, without gaps as far as that can be known.
    fn dense(&self, scenario: usize, k: u64) -> u64 {
        let users = self.scenarios.get(scenario).and_then(|scenario| scenario.users);
        users.map_or(k, |users| {
            (k >> USER_BITS).saturating_mul(users).saturating_add(k & ((1 << USER_BITS) - 1))
        })
    }

    /// Whether there is a row for this iteration of a scenario in all data that is used up row by row. Without one it
    /// is skipped: nothing of it is sent.
    #[must_use]
    pub fn has_data(&self, scenario: usize, k: u64) -> bool {
        let rows = self.scenarios.get(scenario).and_then(|scenario| scenario.rows.as_ref());
        rows.is_none_or(|(rows, _)| self.dense(scenario, k) < *rows)
    }

    /// What is said before a run of a scenario that plans more iterations than there are rows; `planned` by scenario,
    /// `None` where that is not known.
    #[must_use]
    pub fn shortages(&self, planned: &[Option<u64>]) -> Vec<String> {
        let told = |(scenario, planned): (&Part, &Option<u64>)| {
            let ((rows, data), planned) = (scenario.rows.as_ref()?, (*planned)?);
            (planned > *rows).then(|| {
                format!(
                    "scenario `{}` plans {planned} iterations and `{data}` has {rows} rows: {} will be skipped \
                     (no_data); add rows, or write end = \"wrap\" to use them again",
                    scenario.name,
                    planned - rows
                )
            })
        };
        self.scenarios.iter().zip(planned).filter_map(told).collect()
    }
}

/// The most users of a load whose arrivals are numbered by user and iteration.
fn users(scenario: &Scenario) -> Option<u64> {
    match &scenario.load {
        Load::Rate(_) | Load::Tries(_) | Load::Replay(_) => None,
        Load::Users(load) => load.swells.iter().map(|swell| u64::from(swell.users)).max(),
    }
}

/// The shortest of the data that a scenario uses up row by row.
fn rows(scenario: &Scenario, resources: &Resources) -> Option<(u64, String)> {
    let names: Vec<String> = resources.data.keys().cloned().collect();
    let used = scenario.steps.iter().flat_map(Step::texts).flat_map(|text| rows_of(text, &names));
    let ending = used.filter_map(|name| resources.data.get(&name)).filter(|data| data.deal.ends());
    ending.map(|data| (data.table.rows() as u64, data.name.clone())).min()
}

/// The user's number is in the lowest bits of an arrival's.
const USER_BITS: u32 = 20;

#[cfg(test)]
mod tests;
