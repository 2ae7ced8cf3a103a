//! Plans from the page and the API: checked, made from the small form, and kept away from this machine's files.

use super::Site;
use super::answer::Refusal;
use super::shapes::{Checked, PlanProblem, PlanText, Quick};
use crate::coordinator::EffectivePlan;
use crate::files::Files;
use crate::read::read_logs;
use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::http::StatusCode;
use common::plan::Plan;
use common::text::Secret;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use toml_edit::{Array, ArrayOfTables, DocumentMut, InlineTable, Item, Table, value};

/// `POST /api/plans/check`
pub(super) async fn check(State(site): State<Site>, text: String) -> Result<Json<Checked>, Refusal> {
    let checked = tokio::task::spawn_blocking(move || examine(&site, &text)).await;
    checked.map(Json).map_err(|error| Refusal::internal(error.to_string()))
}

fn examine(site: &Site, text: &str) -> Checked {
    match parse(site, text) {
        Ok((plan, _)) => Checked {
            ok: true,
            name: Some(plan.name.clone()),
            scenarios: Some(plan.scenarios.iter().map(|own| own.name.clone()).collect()),
            problems: vec![],
        },
        Err(problems) => Checked { ok: false, name: None, scenarios: None, problems },
    }
}

/// Reads a plan that came from outside, with its files and logs.
pub fn admit(site: &Site, text: String) -> Result<EffectivePlan, Vec<PlanProblem>> {
    let (plan, files) = parse(site, &text)?;
    let folder = site.files.clone().unwrap_or_default();
    let effective = EffectivePlan { text, plan, files: Arc::new(files), notes: vec![] };
    let files = Arc::clone(&effective.files);
    let shipped =
        read_logs(effective, &folder, &site.tapes).map_err(|failure| vec![whole(failure.message, "")])?;
    let notes = shipped.notes();
    Ok(EffectivePlan { text: shipped.text, plan: shipped.plan, files, notes })
}

fn parse(site: &Site, text: &str) -> Result<(Plan, Files), Vec<PlanProblem>> {
    let plan = Plan::parse("plan", text).map_err(|problems| {
        let problem = |own: common::plan::Problem| PlanProblem {
            line: own.line,
            column: own.column,
            message: own.message,
            remedy: own.help,
        };
        problems.list.into_iter().map(problem).collect::<Vec<_>>()
    })?;
    let reads = reads(&plan);
    let Some(folder) = &site.files else {
        let refused = |what: String| whole(format!("{what} reads a file"), NO_FILES);
        let problems: Vec<PlanProblem> = reads.into_iter().map(|(what, _)| refused(what)).collect();
        return if problems.is_empty() { Ok((plan, Files::default())) } else { Err(problems) };
    };
    let outside = reads.iter().filter(|(_, path)| !is_inside(folder, path));
    let problems: Vec<PlanProblem> = outside
        .map(|(what, _)| whole(format!("{what} lies outside of the folder of --files"), INSIDE))
        .collect();
    if !problems.is_empty() {
        return Err(problems);
    }
    let files = Files::find(&plan, folder)
        .and_then(|files| files.script(&plan).map(|_| files))
        .map_err(|wrong| wrong.into_iter().map(|why| whole(why, "")).collect::<Vec<_>>())?;
    Ok((plan, files))
}

/// What a plan reads, and where: files beside it, logs, and secrets in files of its agents, one of which may be inside
/// this controller.
fn reads(plan: &Plan) -> Vec<(String, PathBuf)> {
    let files = plan.files().into_iter().map(|path| (format!("the plan's file {path}"), path.into()));
    let logs = plan.replays().map(|(_, load)| (format!("the log {}", load.log), PathBuf::from(&load.log)));
    let secret = |secret: Secret| match secret {
        Secret::File(path) => {
            Some((format!("the secret ${{file:{}}}", Path::new(&path).display()), path.into()))
        }
        Secret::Env(_) => None,
    };
    files.chain(logs).chain(plan.secrets().into_iter().filter_map(secret)).collect()
}

/// Whether a path of a plan, which may hold patterns, lies in a folder, whatever links there are.
fn is_inside(folder: &Path, path: &Path) -> bool {
    let plain = path.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
    let Ok(folder) = folder.canonicalize() else { return false };
    let found = |place: &Path| place.canonicalize().is_ok_and(|place| place.starts_with(&folder));
    let pattern = folder.join(path);
    let matches = glob::glob(&pattern.to_string_lossy()).into_iter().flatten().flatten();
    // What is not there is told by whoever reads it.
    plain && matches.into_iter().all(|place| found(&place))
}

fn whole(message: String, remedy: &str) -> PlanProblem {
    PlanProblem { line: 0, column: 0, message, remedy: remedy.to_owned() }
}

/// `POST /api/plans/quick`
pub(super) async fn quick(body: Result<Json<Quick>, JsonRejection>) -> Result<Json<PlanText>, Refusal> {
    let Json(form) = body?;
    let plan = write(&form)
        .map_err(|(error, remedy)| Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, error, remedy))?;
    match Plan::parse("plan", &plan) {
        Ok(_) => Ok(Json(PlanText { plan })),
        Err(problems) => {
            let first = problems.list.first();
            let (error, remedy) =
                first.map(|own| (own.message.clone(), own.help.clone())).unwrap_or_default();
            Err(Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, error, remedy))
        }
    }
}

fn write(form: &Quick) -> Result<String, (&'static str, &'static str)> {
    let mut stage = InlineTable::new();
    let load = match (form.users, &form.rate) {
        (Some(users), None) => {
            stage.insert("at", i64::from(users).into());
            if let Some(spawn) = &form.spawn {
                stage.insert("spawn", spawn.as_str().into());
            }
            "users"
        }
        (None, Some(rate)) => {
            stage.insert("at", rate.as_str().into());
            "rate"
        }
        _ => return Err(("how much load is not clear", "name either users or a rate")),
    };
    stage.insert("for", form.duration.as_str().into());
    let (mut doc, mut target, mut scenario, mut step) =
        (DocumentMut::new(), Table::new(), Table::new(), Table::new());
    doc["name"] = value("quick");
    target["base_url"] = value(&form.base_url);
    doc["target"] = Item::Table(target);
    scenario["name"] = value("main");
    let mut loads = Table::new();
    loads.set_dotted(true);
    loads[load] = value(Array::from_iter([stage]));
    scenario["load"] = Item::Table(loads);
    if let Some(method) = form.method.as_deref().filter(|method| !method.is_empty()) {
        step["method"] = value(method);
    }
    step["path"] = value(form.path.as_deref().filter(|path| !path.is_empty()).unwrap_or("/"));
    if let Some(body) = form.body.as_deref().filter(|body| !body.is_empty()) {
        step["body"] = value(body);
    }
    scenario["step"] = Item::ArrayOfTables(ArrayOfTables::from_iter([step]));
    doc["scenario"] = Item::ArrayOfTables(ArrayOfTables::from_iter([scenario]));
    Ok(doc.to_string())
}

const NO_FILES: &str = "plans from the page and the API read no files of this machine: start the controller with \
                        --files DIR, or use `controller start --plan`";
const INSIDE: &str = "name it relative to that folder, without `..`";
