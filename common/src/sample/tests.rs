use super::*;
use crate::plan::Method;
use proptest::prelude::*;

const CAUSE: Cause = Cause { outcome: Outcome::UnexpectedStatus, status: 500, check: 0 };

fn sample(arrival: u64) -> Sample {
    Sample { arrival, due: RunTime::from_nanos(arrival * 1_000), ..Sample::default() }
}

fn of(arrivals: impl IntoIterator<Item = u64>) -> Samples {
    let mut samples = Samples::default();
    arrivals.into_iter().for_each(|arrival| samples.keep(CAUSE, sample(arrival)));
    samples
}

fn arrivals(samples: &Samples) -> Vec<u64> {
    samples.iter().map(|(_, sample)| sample.arrival).collect()
}

proptest! {
    #[test]
    fn what_was_checked_once_is_not_changed_again(text in "\\PC{0,40}|.{0,40}", times in 1_usize..400) {
        let sample = Sample { request: text.repeat(times), detail: text.repeat(times), ..Sample::default() }.checked();
        prop_assert!(sample.request.len() <= TEXT_MAX + 3);
        prop_assert_eq!(sample.clone().checked(), sample);
    }

    #[test]
    fn whatever_is_merged_in_whatever_order_the_same_are_kept(
        mut all in prop::collection::vec(0_u64..100_000, 0..300),
        cuts in (0_usize..300, 0_usize..300),
        seed in 0_u64..1_000,
    ) {
        let whole = of(all.clone());
        let order = Random::new(seed, "order");
        all.sort_by_key(|arrival| order.draw(0, *arrival));
        let (low, high) = (cuts.0.min(cuts.1).min(all.len()), cuts.0.max(cuts.1).min(all.len()));
        let parts = [of(all[..low].to_vec()), of(all[low..high].to_vec()), of(all[high..].to_vec())];
        let mut forwards = Samples::default();
        parts.iter().for_each(|part| forwards.add(part));
        let mut backwards = Samples::default();
        parts.iter().rev().for_each(|part| backwards.add(part));
        // Once more changes nothing.
        backwards.add(&parts[0]);
        prop_assert_eq!(&forwards, &whole);
        prop_assert_eq!(&backwards, &whole);
    }

    #[test]
    fn the_gate_lets_everything_through_that_is_kept_and_little_else(
        all in prop::collection::hash_set(0_u64..1_000_000, 0..2_000),
    ) {
        let mut gate = Gate::default();
        let through: Vec<u64> = all
            .iter()
            .copied()
            .filter(|arrival| gate.takes(0, CAUSE, (*arrival, sample(*arrival).due)))
            .collect();
        prop_assert_eq!(of(through.clone()), of(all.iter().copied()));
        prop_assert!(through.len() <= 400, "{} of {}", through.len(), all.len());
    }

    #[test]
    fn what_is_taken_in_pieces_is_what_was_there(all in prop::collection::vec(0_u64..100_000, 0..60), left in 0_usize..500) {
        let whole = of(all);
        let (mut rest, mut sum, mut pieces) = (whole.clone(), Samples::default(), 0);
        while !rest.is_empty() {
            sum.add(&rest.take_within(&mut left.clone()));
            pieces += 1;
            prop_assert!(pieces <= 100, "every piece takes something");
        }
        prop_assert_eq!(sum, whole);
    }
}

#[test]
fn the_first_five_and_twenty_of_all_are_kept() {
    let kept = arrivals(&of(0..10_000));
    assert_eq!(kept[..5], [0, 1, 2, 3, 4]);
    assert!((20..=25).contains(&kept.len()));
}

#[test]
fn every_failure_has_the_same_chance() {
    // 20 of 1,000 are kept: over 400 runs of other arrivals each tenth of a run gives a tenth of them.
    let mut tenths = [0_u64; 10];
    for run in 0..400_u64 {
        let kept = of((0..1_000).map(|arrival| run * 1_000_000 + arrival));
        arrivals(&kept)
            .iter()
            .skip(FIRST)
            .for_each(|arrival| tenths[(arrival % 1_000_000 / 100) as usize] += 1);
    }
    let all: u64 = tenths.iter().sum();
    for (tenth, count) in tenths.iter().enumerate() {
        let share = *count as f64 / all as f64;
        assert!((share - 0.1).abs() < 0.015, "tenth {tenth}: {share}");
    }
}

#[test]
fn causes_are_kept_apart_and_are_few() {
    let mut samples = Samples::default();
    for status in 400..600 {
        samples.keep(Cause { status, ..CAUSE }, sample(1));
    }
    let statuses: Vec<u16> = samples.iter().map(|(cause, _)| cause.status).collect();
    assert_eq!(statuses, (400..400 + CAUSES_MAX as u16).collect::<Vec<_>>());
}

#[test]
fn credentials_and_secrets_are_not_in_it_and_nothing_moves_the_cursor() {
    let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let request = Message {
        method: Method::Post,
        path: "/login?k=hunter2".into(),
        headers: vec![
            header("authorization", "Bearer abc"),
            header("Cookie", "a=b"),
            header("x-api-key", "abc"),
            header("accept", "*/*"),
        ],
        body: Some(b"password=hunter2\x1b[2J\xff".to_vec()),
    };
    let head = "HTTP/1.1 500 Oops\r\nSet-Cookie: s=1\r\ncontent-type: text/html\r\n\r\n";
    let exchange =
        Exchange { request: &request, answer: Some((head, "no hunter2 here")), detail: "hunter2\x07" };
    let redact = |text: &str| text.replace("hunter2", "[secret]");
    let sample = Sample::of(&exchange, (7, RunTime::ZERO), &redact);
    assert_eq!(
        sample.request,
        "POST /login?k=[secret]\nauthorization: [redacted]\nCookie: [redacted]\nx-api-key: [redacted]\n\
         accept: */*\n\npassword=[secret]\\u{1b}[2J\u{fffd}"
    );
    assert_eq!(
        sample.answer,
        "HTTP/1.1 500 Oops\nSet-Cookie: [redacted]\ncontent-type: text/html\n\nno [secret] here"
    );
    assert_eq!(sample.detail, "[secret]\\u{7}");
    assert_eq!(sample.clone().checked(), sample, "checking twice changes nothing");
}

#[test]
fn two_failing_checks_are_two_causes() {
    let number = |detail: &str| check_number(Outcome::CheckFailed, detail);
    assert_eq!(
        number("check json $[0:2]: 7"),
        number("check json $[0:2]: nothing there"),
        "whatever was found"
    );
    assert_ne!(number("check json $.a: 7"), number("check json $.b: 7"));
    assert_ne!(number("check max_time: 3s"), number("check min_size: 3 bytes"));
    assert_eq!(
        check_number(Outcome::Timeout, "check max_time"),
        0,
        "what ended otherwise has failed no check"
    );
    let mut samples = Samples::default();
    for (check, arrival) in [(number("check max_time"), 1), (number("check min_size"), 2)] {
        for n in 0..FIRST as u64 + FAIR as u64 {
            let sample = Sample { arrival: arrival + 2 * n, ..Sample::default() };
            samples.keep(Cause { outcome: Outcome::CheckFailed, status: 200, check }, sample);
        }
    }
    let mut kept = BTreeMap::<Cause, usize>::new();
    samples.iter().for_each(|(cause, _)| *kept.entry(cause).or_default() += 1);
    assert!(
        kept.len() == 2 && kept.values().all(|count| *count >= FAIR),
        "none takes the other's place: {kept:?}"
    );
}

#[test]
fn a_long_body_is_cut_and_says_so() {
    let request =
        Message { path: "/".into(), body: Some("ü".repeat(5_000).into_bytes()), ..Message::default() };
    let exchange = Exchange { request: &request, answer: None, detail: "" };
    let sample = Sample::of(&exchange, (0, RunTime::ZERO), &str::to_owned);
    assert!(sample.request.ends_with("[5904 bytes more]"), "{}", &sample.request[4_000..]);
    assert!(sample.request.len() < TEXT_MAX);
}
