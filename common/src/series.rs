//! The closed list of a plan's series: under which name what is counted.
//!
//! Everybody computes it from the plan, so a series is known by its place in the list alone.

use crate::plan::{Pick, Plan, Scenario};

/// What one series is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The scenario's number in the plan.
    pub scenario: usize,
    /// What is counted.
    pub what: What,
    /// Whether `started` of its timeline counts the scenario's arrivals: in one series, or in several together.
    pub counts_arrivals: bool,
}

/// What a series counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// The requests of a step: of the first of this name.
    Step(usize),
    /// Passes through all steps, from when they were due until their last answer.
    Iteration,
}

/// Where what a scenario does is counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Route {
    /// By step: the series' number.
    pub steps: Vec<usize>,
    /// The series of its iterations, where they are counted apart.
    pub iteration: Option<usize>,
}

/// The series of a plan in their order: scenario after scenario the names of its steps, each once, then its iterations,
/// if one has several requests.
#[must_use]
pub fn series_of(plan: &Plan) -> Vec<Place> {
    places(plan).0
}

/// Where every scenario's steps and iterations are counted.
#[must_use]
pub fn routes(plan: &Plan) -> Vec<Route> {
    places(plan).1
}

impl Place {
    /// Whether it counts requests. What does not must stay out of every sum over requests.
    #[must_use]
    pub const fn counts_requests(self) -> bool {
        !matches!(self.what, What::Iteration)
    }

    /// The name under which it is reported beside its scenario's.
    #[must_use]
    pub fn name(self, plan: &Plan) -> &str {
        let step = |step| plan.scenarios.get(self.scenario).and_then(|own| own.steps.get(step));
        match self.what {
            What::Step(number) => step(number).map_or("", |step| step.name.as_str()),
            What::Iteration => ITERATION,
        }
    }
}

impl Scenario {
    /// Whether an iteration may be several requests.
    #[must_use]
    pub fn has_iterations(&self) -> bool {
        self.pick == Pick::Sequence && self.steps.len() > 1
    }
}

fn places(plan: &Plan) -> (Vec<Place>, Vec<Route>) {
    let (mut places, mut routes) = (Vec::new(), Vec::new());
    for (scenario, own) in plan.scenarios.iter().enumerate() {
        let (mut route, several) = (Route::default(), own.has_iterations());
        for (number, step) in own.steps.iter().enumerate() {
            let before = own.steps[..number].iter().position(|other| other.name == step.name);
            let place = before.map_or(places.len(), |first| route.steps[first]);
            if before.is_none() {
                places.push(Place { scenario, what: What::Step(number), counts_arrivals: !several });
            }
            route.steps.push(place);
        }
        if several {
            route.iteration = Some(places.len());
            places.push(Place { scenario, what: What::Iteration, counts_arrivals: true });
        }
        routes.push(route);
    }
    (places, routes)
}

/// How iterations are called in reports.
pub const ITERATION: &str = "iteration";

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(steps: &str) -> Plan {
        let text = format!(
            "name = \"x\"\n[target]\nbase_url = \"http://a\"\n[[scenario]]\nname = \"a\"\n\
             load.rate = [{{ at = \"1/s\", for = \"1s\" }}]\n{steps}\n[[scenario]]\nname = \"b\"\n\
             load.rate = [{{ at = \"1/s\", for = \"1s\" }}]\nstep = [{{ path = \"/last\" }}]\n"
        );
        Plan::parse("plan.toml", &text).unwrap_or_else(|problems| panic!("{problems}"))
    }

    fn told(plan: &Plan) -> Vec<(usize, &str, bool)> {
        let told = |place: &Place| (place.scenario, place.name(plan), place.counts_arrivals);
        series_of(plan).iter().map(told).collect()
    }

    #[test]
    fn a_single_step_is_its_own_iteration() {
        let plan = plan("step = [{ path = \"/\" }]");
        assert_eq!(told(&plan), [(0, "GET /", true), (1, "GET /last", true)]);
        assert_eq!(routes(&plan)[0], Route { steps: vec![0], iteration: None });
    }

    #[test]
    fn several_steps_have_iterations_and_steps_of_one_name_share_a_series() {
        let plan = plan("step = [{ path = \"/users/1\" }, { path = \"/\" }, { path = \"/users/2\" }]");
        let expected = [
            (0, "GET /users/{id}", false),
            (0, "GET /", false),
            (0, ITERATION, true),
            (1, "GET /last", true),
        ];
        assert_eq!(told(&plan), expected);
        assert_eq!(routes(&plan)[0], Route { steps: vec![0, 1, 0], iteration: Some(2) });
        assert_eq!(routes(&plan)[1], Route { steps: vec![3], iteration: None });
    }

    #[test]
    fn of_weighted_steps_each_is_an_iteration() {
        let plan = plan("pick = \"weighted\"\nstep = [{ path = \"/\", weight = 3 }, { path = \"/b\" }]");
        assert_eq!(told(&plan), [(0, "GET /", true), (0, "GET /b", true), (1, "GET /last", true)]);
    }
}
