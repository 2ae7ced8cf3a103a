//! The contract of report.json: whoever changes its keys breaks somebody's script.

use super::fits::misfits;
use super::*;
use crate::change::Statistic;
use crate::pulse::PulseAgent;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// A report with everything in it.
fn full() -> Report {
    let mut report = report_after(|w| {
        w.plan = plan(&[("response_time.p99", "< 15ms")]);
        in_windows(w, WindowTally::default());
        lose(w, 0, 7);
        w.totals.tallies[0].late = 1;
        w.faults = vec![fault(FaultKind::AgentLost, Some("a1"), 7.25, None)];
        w.totals.series[0].outcomes[Outcome::NoPort.index()] = 1;
        w.agents[0].economy = true;
        w.revisions = vec![Revision { scenario: 0, at: RunTime::ZERO, shift: Shift::Pause }];
    });
    let row = report.series[0].clone();
    let (scenario, step, text) = (row.scenario, row.step, String::from("text"));
    report.phases = vec![PhaseRow {
        name: text.clone(),
        start_s: 0.0,
        end_s: 1.5,
        series: vec![PhaseSeries {
            scenario: scenario.clone(),
            step: step.clone(),
            kind: SeriesKind::Iterations,
            requests: 1,
            errors: 0,
            response_time: row.response_time.clone(),
        }],
    }];
    let (before, after) = (1.5, 3.0);
    let interval = Some((1.9, 2.1));
    report.interference = vec![InterferenceRow {
        scenario: scenario.clone(),
        step: step.clone(),
        baseline: "idle".into(),
        phase: text.clone(),
        times: vec![Factor { statistic: Statistic::P99, before, after, factor: Some(2.0), interval }],
        text: text.clone(),
    }];
    report.replay = vec![ReplayRow {
        scenario: scenario.clone(),
        step: step.clone(),
        same: 1,
        statuses: vec![StatusPair { then: 200, now: 0, count: 1 }],
        size_then: Summary::default(),
        size_now: Summary::default(),
        latency_then: Summary::default(),
        latency_now: row.service_time,
    }];
    let agents = vec![PulseAgent { name: "a1".into(), ..PulseAgent::default() }];
    let errors = BTreeMap::from([("reset".into(), 2)]);
    report.pulse = vec![Pulse { p50: Some(1), users: Some(1.5), errors, agents, ..Pulse::default() }];
    report.samples = vec![SampleRow {
        scenario,
        step,
        outcome: "unexpected_status".into(),
        status: Some(503),
        arrival: 7,
        t_s: 0.5,
        agent: "a1".into(),
        detail: String::new(),
        request: text.clone(),
        answer: text.clone(),
    }];
    let file = RowsFile { agent: "a1".into(), file: Some(text.clone()), ..RowsFile::default() };
    report.rows = Some(RowsKept { folder: text, files: vec![file] });
    report
}

#[test]
fn the_keys_of_the_json_are_a_contract() {
    let summary = "count,hdr,max,mean,min,mode,mode_width,overflow,p50,p90,p95,p99,p99_9,stddev";
    let series = ["connect_time", "response_time", "send_lag", "service_time", "size", "ttfb"];
    let series = series.map(|of| format!("series[].{of}.{{{summary}}}"));
    let replay = ["latency_now", "latency_then", "size_now", "size_then"];
    let replay = replay.map(|of| format!("replay[].{of}.{{{summary}}}"));
    let phases = [format!("phases[].series[].response_time.{{{summary}}}")];
    let json = serde_json::to_value(full()).unwrap();
    let mut keys = BTreeSet::new();
    walk("", &json, &mut keys);
    let expected = [
        "agents[].send_lag.{max,p50,p99}",
        "agents[].release_lag.{max,p50,p99}",
        "agents[].{clock_bound_us,cpu_share,economy,instance,lanes,lost,name,owned,release_lag,send_lag,skipped,start_skew_us,started,unknown}",
        "changes[].{at_s,kind,rate,scenario,spawn,text,users}",
        "faults[].{agent,from_s,kind,missing,text,unknown,until_s}",
        "heat.rows[].{counts,first,scenario,t_s,width_s}",
        "heat.{edges_us,rows}",
        "imbalances.{browse}",
        "interference[].times[].{after,before,factor,interval,statistic}",
        "interference[].{baseline,phase,scenario,step,text,times}",
        "ledger.browse.skipped.{late,no_data,no_lease,overload,stopped,time_up,unowned}",
        "ledger.browse.{abandoned,finished,planned,skipped,started,unended,unknown}",
        "ledger.{browse}",
        "loads[].{kind,model,pacing_s,scenario,start_s,think,user_time_active_s,user_time_asked_s,users}",
        "phases[].series[].{errors,kind,requests,response_time,scenario,step}",
        "phases[].{end_s,name,series,start_s}",
        "pulse[].agents[].{cpu_share,name,send_lag_p99_us,started}",
        "pulse[].errors.{reset}",
        "pulse[].{agents,asked,errors,finished,in_flight,p50,p95,p99,send_lag_p99_us,started,t_s,users,users_asked,width_s}",
        "replay[].statuses[].{count,now,then}",
        "replay[].{latency_now,latency_then,same,scenario,size_now,size_then,statuses,step}",
        "rows.files[].{agent,bytes,dropped,file,problem,rows}",
        "rows.{files,folder}",
        "samples[].{agent,answer,arrival,detail,outcome,request,scenario,status,step,t_s}",
        "run.{client,duration_s,id,name,partial,seed,started_at}",
        "series[].generator_faults.{no_port}",
        "series[].outcomes.{ok}",
        "series[].status.{200}",
        "series[].{bytes_in,bytes_out,connect_time,errors,generator_faults,kind,outcomes,requests,response_time,scenario,send_lag,service_time,size,status,step,ttfb}",
        "shortfalls[].{agent,planned,started,t_s,width_s}",
        "story.{answered,asked,delivered,headline,trust}",
        "thresholds[].windows.{broken,every_s,first_broken_s,judged,length_s,too_few,worst_s}",
        "thresholds[].{abort,holds,limit,metric,min_samples,samples,scope,unit,value,windows}",
        "timeline[].{errors,fault,p50,p95,p99,planned,scenario,started,t_s,users_active,users_asked,width_s}",
        "verdict.{reasons,result}",
        "{agents,changes,faults,heat,imbalances,interference,ledger,loads,phases,pulse,replay,rows,run,samples,series,shortfalls,story,thresholds,timeline,verdict,version,warnings}",
    ];
    let expected = expected.map(str::to_owned).into_iter().chain(series).chain(replay).chain(phases);
    assert_eq!(keys, expected.collect());
    assert_eq!(
        [&json["verdict"]["result"], &json["thresholds"][0]["unit"], &json["faults"][0]["kind"]],
        ["invalid", "us", "agent_lost"]
    );
}

#[test]
fn the_schema_has_the_keys_of_the_json_and_no_others() {
    let mut schema = schema();
    // What is written has all keys of the schema; closed, it has none that the schema lacks.
    close(&mut schema);
    for report in [full(), report(&sound())] {
        let mut json = serde_json::to_value(report).unwrap();
        assert_eq!(misfits(&schema, &json), Vec::<String>::new());
        json["verdict"]["result"] = "fine".into();
        json["run"]["nick"] = json["run"]["name"].take();
        json["series"][0]["status"] = json!({ "200": -1, "ok": 1 });
        json["version"] = 2.into();
        json.as_object_mut().unwrap().remove("heat");
        let found = misfits(&schema, &json);
        let places: BTreeSet<&str> = found.iter().map(|told| told.split_once(": ").unwrap().0).collect();
        let expected = ["", "/run/name", "/run/nick", "/series/0/status/200", "/series/0/status/ok"];
        assert_eq!(
            places,
            expected.into_iter().chain(["/verdict/result", "/version"]).collect(),
            "{found:?}"
        );
    }
}

#[test]
fn a_report_that_tells_no_version_is_of_the_first() {
    let mut json = serde_json::to_value(full()).unwrap();
    assert_eq!(json["version"], VERSION);
    json.as_object_mut().unwrap().remove("version");
    assert_eq!(serde_json::from_value::<Report>(json).unwrap().version, 1);
}

/// Objects with named keys may have no others.
fn close(schema: &mut Value) {
    match schema {
        Value::Object(fields) => {
            fields.values_mut().for_each(close);
            if fields.contains_key("properties") {
                fields.insert("additionalProperties".into(), json!(false));
            }
        }
        Value::Array(items) => items.iter_mut().for_each(close),
        _ => (),
    }
}

/// Collects `path.{key,key,…}` of every object.
fn walk(path: &str, value: &Value, keys: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            let names = fields.keys().map(String::as_str).collect::<BTreeSet<_>>();
            let names = names.into_iter().collect::<Vec<_>>().join(",");
            let dot = if path.is_empty() { "" } else { "." };
            keys.insert(format!("{path}{dot}{{{names}}}"));
            fields.iter().for_each(|(name, value)| walk(&format!("{path}{dot}{name}"), value, keys));
        }
        Value::Array(items) => items.iter().for_each(|item| walk(&format!("{path}[]"), item, keys)),
        _ => (),
    }
}
