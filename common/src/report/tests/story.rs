//! The run in plain words: what somebody learns who reads nothing else.

use super::*;

fn told(change: impl Fn(&mut World)) -> Story {
    report_after(change).story
}

#[test]
fn every_verdict_has_its_headline_and_says_what_the_numbers_are_worth() {
    type Row = (fn(&mut World), Judgment, &'static str, &'static str);
    let rows: &[Row] = &[
        (
            |_| (),
            Judgment::Pass,
            "The asked load was sent; no threshold says whether the answers were good.",
            "They can be trusted: every arrival is accounted for, and 99 of 100 requests left within 40 µs of their \
             time.",
        ),
        (
            |w| w.totals.series[0].outcomes.swap(Outcome::Ok.index(), Outcome::Reset.index()),
            Judgment::Pass,
            "The asked load was sent, but every request of a scenario failed.",
            "They can be trusted: every arrival is accounted for, and 99 of 100 requests left within 40 µs of their \
             time.",
        ),
        (
            |w| w.plan = plan(&[("response_time.p99", "< 1s")]),
            Judgment::Pass,
            "The asked load was sent, and every threshold was kept.",
            "They can be trusted: every arrival is accounted for, and 99 of 100 requests left within 40 µs of their \
             time.",
        ),
        (
            |w| w.plan = plan(&[("response_time.p99", "< 1ms")]),
            Judgment::Fail,
            "The service did not keep to the thresholds.",
            "They can be trusted: every arrival is accounted for, and 99 of 100 requests left within 40 µs of their \
             time.",
        ),
        (
            |w| w.ending = Ending::Stopped,
            Judgment::Aborted,
            "The run was ended before its plan was carried out.",
            "They hold up to the end of the run (the operator stopped the run); every arrival is accounted for, and \
             99 of 100 requests left within 40 µs of their time.",
        ),
        (
            |w| lose(w, 1, 5),
            Judgment::Degraded,
            "Part of the asked load was not sent, because of faults among the agents.",
            "They tell about another load than the asked one: browse: nobody knows whether 25 of 100 arrivals were \
             sent.",
        ),
        (
            |w| (0..50).for_each(|_| w.agents[1].release_lag.record(12_000)),
            Judgment::GeneratorLimited,
            "The generator could not send the asked load: add agents or ask for less.",
            "They tell about another load than the asked one: agent a2 released late: p99 is 12.01 ms, limit 10.00 ms; \
             give it less load or more cores.",
        ),
        (
            |w| w.planned = vec![101],
            Judgment::Invalid,
            "The numbers of this run prove nothing.",
            "They cannot be trusted: not every arrival is accounted for.",
        ),
        (
            |w| w.ending = Ending::AgentLost("agent a2 was lost".into()),
            Judgment::Invalid,
            "The numbers of this run prove nothing.",
            "They cannot be trusted: agent a2 was lost.",
        ),
    ];
    for (change, result, headline, trust) in rows {
        let report = report_after(change);
        assert_eq!(report.verdict.result, *result, "{headline}");
        assert_eq!((report.story.headline.as_str(), report.story.trust.as_str()), (*headline, *trust));
    }
}

#[test]
fn what_was_asked_delivered_and_answered_is_told_in_sentences() {
    let story = told(|_| ());
    assert_eq!(
        story.asked,
        ["browse: 100 arrivals in 10.0 s, 10/s on average, however slowly the service answers."]
    );
    assert_eq!(story.delivered, "100 of 100 arrivals were sent (100 %).");
    let answered =
        "half of the answers within 20.02 ms, 99 of 100 within 20.02 ms, the slowest 20.02 ms; no errors.";
    assert_eq!(story.answered.len(), 1);
    assert!(story.answered[0].ends_with(answered), "{:?}", story.answered);
}

#[test]
fn what_was_not_sent_is_told_with_its_reasons_and_errors_with_their_kinds() {
    let story = told(|w| {
        lose(w, 1, 5);
        let series = &mut w.totals.series[0];
        series.outcomes[Outcome::Timeout.index()] = 3;
    });
    assert_eq!(
        story.delivered,
        "75 of 100 arrivals were sent (75 %). The rest: 25 unknown, lost with an agent."
    );
    assert!(
        story.answered[0].ends_with("3 of 103 were errors (2.9126 %): 3 timeout."),
        "{:?}",
        story.answered
    );
}
