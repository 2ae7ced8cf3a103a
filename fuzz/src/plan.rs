//! Plan files: a plan whose schedule can be compiled, or problems that a person can read.

use common::arrivals::timetables;
use common::lane::LaneSet;
use common::plan::{Plan, Problems, hash};
use common::time::RunTime;

/// The text of a plan; what is no text is taken as far as it is one.
pub fn run(data: &[u8]) {
    let text = match std::str::from_utf8(data) {
        Ok(text) => text,
        Err(error) => std::str::from_utf8(&data[..error.valid_up_to()]).unwrap_or_default(),
    };
    match Plan::parse("plan.toml", text) {
        Ok(plan) => compile(&plan),
        Err(problems) => read(text, &problems),
    }
    assert_eq!(hash(text), hash(text));
}

fn compile(plan: &Plan) {
    assert!(!plan.scenarios.is_empty());
    let timetables = match timetables(plan, &[]) {
        Ok(timetables) => timetables,
        Err(why) => panic!("a valid plan cannot be compiled: {why}"),
    };
    for timetable in &timetables {
        assert!(timetable.end() <= RunTime::ZERO + plan.duration());
        assert_eq!(timetable.fingerprint(), timetable.fingerprint());
        let first: Vec<_> = timetable.cursor(&LaneSet::all(), RunTime::ZERO).take(100).collect();
        assert!(first.is_sorted_by_key(|due| due.at), "out of order: {first:?}");
        if timetable.is_even() {
            let late = timetable.cursor(&LaneSet::all(), timetable.end()).take(100);
            assert!(late.map(|due| due.at).is_sorted());
        }
    }
}

fn read(text: &str, problems: &Problems) {
    assert!(!problems.list.is_empty(), "refused without a reason");
    assert!(problems.list.len() <= PROBLEMS_MAX, "{} problems", problems.list.len());
    let lines = text.split('\n').count();
    for problem in &problems.list {
        assert!((1..=lines).contains(&problem.line), "line {} of {lines}", problem.line);
        assert!(problem.column >= 1 && !problem.message.is_empty() && !problem.underline.is_empty());
    }
    let shown = problems.to_string();
    assert!(shown.chars().all(|c| c == '\n' || !c.is_control()), "it steers the terminal: {shown:?}");
    assert!(shown.len() <= 4096 + problems.list.len() * PROBLEM_BYTES_MAX, "{} bytes", shown.len());
}

/// More are not told: of syntax, of shape and of meaning.
const PROBLEMS_MAX: usize = 1000;
/// A window of the line, the same of carets, a message and its help.
const PROBLEM_BYTES_MAX: usize = 8192;
