use super::*;

const FORM: &str =
    "write a metric like `response_time.p99` or `SCENARIO.error_rate`: [SCENARIO.]MEASURE[.STATISTIC]";

#[test]
fn metrics_read_and_print_alike() {
    for (text, scenario, measure, why) in [
        ("response_time.p99", None, Measure::Time(Time::Response, Stat::P99), "all scenarios together"),
        ("a.service_time.p99_9", Some("a"), Measure::Time(Time::Service, Stat::P99_9), "one scenario"),
        ("send_lag.max", None, Measure::Time(Time::SendLag, Stat::Max), "the generator's own"),
        ("error_rate", None, Measure::ErrorRate, "a share"),
        ("index.delivered", Some("index"), Measure::Delivered, "a share of one scenario"),
        ("delivered.delivered", Some("delivered"), Measure::Delivered, "a scenario with a measure's name"),
        ("send_lag.error_rate", Some("send_lag"), Measure::ErrorRate, "likewise"),
        ("rate", None, Measure::Rate, "of all requests"),
        ("errors.rate", Some("errors"), Measure::Rate, "a scenario with another measure's name"),
        ("a.share", Some("a"), Measure::Share, "of a status"),
        ("requests", None, Measure::Requests, "a count"),
        ("b.errors", Some("b"), Measure::Errors, "a count of one scenario"),
        ("p99.send_lag.min", Some("p99"), Measure::Time(Time::SendLag, Stat::Min), "a statistic's name"),
    ] {
        let metric: Metric = text.parse().unwrap();
        assert_eq!((metric.scenario.as_deref(), metric.measure), (scenario, measure), "{text}: {why}");
        assert_eq!(metric.to_string(), text, "{why}");
    }
}

#[test]
fn a_wrong_part_of_a_metric_is_named_with_what_is_allowed() {
    let measures = "allowed: response_time, service_time, send_lag, error_rate, delivered, share, rate, requests, errors";
    let stats = "allowed: p50, p90, p95, p99, p99_9, min, mean, max";
    for (text, what, remedy) in [
        ("latency.p99", "unknown measure `latency`", measures.to_owned()),
        (
            "respnse_time.p99",
            "unknown measure `respnse_time`",
            format!("did you mean `response_time`? {measures}"),
        ),
        ("a.errorrate", "unknown measure `errorrate`", format!("did you mean `error_rate`? {measures}")),
        ("response_time.p999", "unknown statistic `p999`", format!("did you mean `p99`? {stats}")),
        ("a.response_time.stddev", "unknown statistic `stddev`", stats.to_owned()),
        (
            "a.response_time",
            "`response_time` needs a statistic",
            format!("write `response_time.p99`, for example; {stats}"),
        ),
        ("error_rate.max", "`error_rate` has no statistics", "write `error_rate` alone".to_owned()),
        ("a.delivered.max", "`delivered` has no statistics", "write `delivered` alone".to_owned()),
        ("", "not a metric", FORM.to_owned()),
        ("a..p99", "not a metric", FORM.to_owned()),
        ("a.b.c.d", "not a metric", FORM.to_owned()),
    ] {
        let error = text.parse::<Metric>().unwrap_err();
        assert_eq!((error.to_string(), error.remedy()), (what.to_owned(), remedy), "{text}");
    }
}

#[test]
fn limits_are_exact_in_their_base_unit() {
    for (text, metric, bound, printed) in [
        ("< 250ms", "response_time.p99", 250_000.0, "< 250ms"),
        ("<=1.5s", "send_lag.max", 1_500_000.0, "<= 1.5s"),
        (">  7 us", "service_time.min", 7.0, "> 7us"),
        ("<= 1%", "error_rate", 0.01, "<= 1%"),
        ("> 99.9%", "delivered", 0.999, "> 99.9%"),
        (">= 0.5", "share", 0.5, ">= 0.5"),
        ("> 0", "error_rate", 0.0, "> 0"),
        ("<= 3600s", "response_time.max", 3_600e6, "<= 3600s"),
        ("> 100/s", "rate", 100.0, "> 100/s"),
        (">= 0.5 /s", "a.rate", 0.5, ">= 0.5/s"),
        ("<= 10", "errors", 10.0, "<= 10"),
        ("> 1000000", "requests", 1e6, "> 1000000"),
    ] {
        let limit: Limit = text.parse().unwrap();
        assert_eq!(limit.bound(), bound, "{text}");
        assert_eq!(limit.to_string(), printed);
        assert_eq!(printed.parse(), Ok(limit), "what was printed reads back");
        let rule = Threshold::new(metric.parse().unwrap(), limit).unwrap();
        assert_eq!(rule.to_string(), format!("{metric} {printed}"));
    }
}

#[test]
fn anything_else_is_no_limit() {
    for (text, expected, why) in [
        ("250ms", LimitError::Comparison, "no comparison"),
        ("== 1%", LimitError::Comparison, "equality is never meant"),
        ("", LimitError::Comparison, "empty"),
        ("<", LimitError::Number, "no value"),
        ("< ms", LimitError::Number, "no number"),
        ("< 1.2.3s", LimitError::Number, "two points"),
        ("< -1ms", LimitError::Number, "negative"),
        ("< 1e3ms", LimitError::Number, "an exponent"),
        ("< 5 parsecs", LimitError::Number, "unknown unit"),
        ("< 150%", LimitError::Range(Kind::Share), "more than everything"),
        ("< 2e9/s", LimitError::Number, "an exponent of a rate"),
        ("< 9999999999999/s", LimitError::Range(Kind::Rate), "no rate"),
        ("< 3601s", LimitError::Range(Kind::Time), "beyond the histograms"),
    ] {
        assert_eq!(text.parse::<Limit>(), Err(expected), "{text}: {why}");
    }
}

#[test]
fn a_limit_holds_as_its_sign_says() {
    for (text, below, at, above) in [
        ("< 1ms", true, false, false),
        ("<= 1ms", true, true, false),
        ("> 1ms", false, false, true),
        (">= 1ms", false, true, true),
    ] {
        let limit: Limit = text.parse().unwrap();
        let held = [999.0, 1000.0, 1001.0].map(|value| limit.holds(value));
        assert_eq!(held, [below, at, above], "{text}");
        assert!(!limit.holds(f64::NAN), "{text}: nothing measured keeps to no limit");
    }
}

#[test]
fn every_kind_of_metric_has_its_kind_of_limit() {
    let threshold =
        |metric: &str, limit: &str| Threshold::new(metric.parse().unwrap(), limit.parse().unwrap());
    assert_eq!(threshold("a.send_lag.p50", "<1ms").unwrap().to_string(), "a.send_lag.p50 < 1ms");
    for (metric, limit, what, remedy) in [
        ("send_lag.p50", "< 1%", "the metric is a time, the limit is not", "write a time, like \"< 250ms\""),
        ("send_lag.p50", "< 250", "the metric is a time, the limit is not", "write a time, like \"< 250ms\""),
        (
            "error_rate",
            "< 1ms",
            "the metric is a share, the limit is not",
            "write a share, like \"< 1%\" or \"< 0.01\"",
        ),
        ("error_rate", "< 10", "a limit that can never matter", "shares lie between 0% and 100%"),
        ("rate", "> 100", "the metric is a rate, the limit is not", "write a rate, like \"> 100/s\""),
        ("errors", "< 1%", "the metric is a count, the limit is not", "write a count, like \"<= 10\""),
        ("requests", "> 1/s", "the metric is a count, the limit is not", "write a count, like \"<= 10\""),
    ] {
        let error = threshold(metric, limit).unwrap_err();
        assert_eq!((error.to_string().as_str(), error.remedy()), (what, remedy), "{metric} {limit}");
    }
}

#[test]
fn a_status_is_a_code_or_a_class() {
    for (text, status, of, not) in [
        ("404", Status::Code(404), 404, 400),
        ("5xx", Status::Class(5), 599, 499),
        ("2XX", Status::Class(2), 200, 300),
    ] {
        assert_eq!(text.parse(), Ok(status), "{text}");
        assert!(status.is_of(of) && !status.is_of(not), "{text}");
        assert_eq!(status.to_string(), text.to_lowercase());
    }
    for text in ["", "5", "5x", "0xx", "099", "1000", "40x", "xx5", "4xxx"] {
        assert_eq!(text.parse::<Status>(), Err(StatusError), "{text}");
    }
}

#[test]
fn a_rule_says_of_what_it_holds() {
    let rule = Threshold::new("rate".parse().unwrap(), "> 5/s".parse().unwrap()).unwrap();
    let terms = Terms {
        step: Some("search".into()),
        phase: Some("stress".into()),
        status: Some(Status::Class(5)),
        window: Some(Window { length_s: 10, every_s: 1 }),
        ..Terms::default()
    };
    assert_eq!(rule.under(terms).to_string(), "rate (step search, phase stress, 5xx, any 10s) > 5/s");
}
