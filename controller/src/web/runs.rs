//! Runs: those on the desk, and those that are kept on disk.

use super::Site;
use super::answer::Refusal;
use super::shapes::{AgentLine, Created, Done, NewRun, Problems, RunLine, RunPage, Status};
use crate::compare;
use crate::desk::{Entry, Order, WITHDRAWN};
use crate::exit::Exit;
use crate::feed::Over;
use crate::journal::Saved;
use crate::metrics::{Form, exposition};
use crate::pages::Compared;
use crate::runs as kept;
use crate::store::Archive;
use axum::Json;
use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use common::compare::Comparison;
use common::report::Report;
use serde::Deserialize;
use std::path::PathBuf;
use std::sync::Arc;

/// `GET /api/status`
pub(super) async fn status(State(site): State<Site>) -> Json<Status> {
    let runs = site.desk.runs();
    let lines = |wanted: fn(&Entry) -> bool| {
        runs.iter().filter(|entry| wanted(entry)).map(|entry| line(entry)).collect()
    };
    let idle = |name| AgentLine { name, state: "idle".into(), run: None };
    let mut agents: Vec<AgentLine> = site.lobby.waiting().into_iter().map(idle).collect();
    for entry in runs.iter().filter(|entry| is_on(entry)) {
        let live = entry.board.live();
        let busy = live.agents.iter().map(|agent| AgentLine {
            name: agent.name.clone(),
            state: agent.state.clone(),
            run: Some(entry.id.clone()),
        });
        agents.extend(busy);
    }
    Json(Status {
        version: env!("CARGO_PKG_VERSION").into(),
        agents,
        running: lines(is_on),
        queued: lines(Entry::waits),
        data_dir: site.desk.data_dir().is_some(),
        takes_runs: site.desk.takes(),
    })
}

/// `GET /metrics`, for Prometheus: the runs that are on, and the last one that is over.
pub(super) async fn metrics(State(site): State<Site>, headers: HeaderMap) -> Response {
    let accept = headers.get_all(header::ACCEPT).into_iter().filter_map(|value| value.to_str().ok());
    let form = Form::wanted(accept);
    let runs = site.desk.runs();
    let on = runs.iter().filter(|entry| is_on(entry));
    let over = runs.iter().rfind(|entry| entry.is_over());
    let lives: Vec<_> = on.chain(over).map(|entry| entry.board.live()).collect();
    ([(header::CONTENT_TYPE, form.media_type())], exposition(&lives, form)).into_response()
}

fn is_on(entry: &Entry) -> bool {
    entry.wishes().is_some()
}

/// `POST /api/runs`
pub(super) async fn create(
    State(site): State<Site>,
    body: Result<Json<NewRun>, JsonRejection>,
) -> Result<Response, Refusal> {
    let Json(NewRun { plan: text, agents, name }) = body?;
    if !site.desk.takes() {
        let remedy = "start one without --plan: it stays and takes runs";
        return Err(Refusal::conflict("this controller was started for one run", remedy));
    }
    if agents == Some(0) {
        let remedy = "name at least one, or none to take those that are joined";
        return Err(Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, "a run needs at least one agent", remedy));
    }
    let read = {
        let (site, text) = (site.clone(), text.clone());
        blocking(move || Ok(super::admit(&site, text))).await?
    };
    let plan = match read {
        Ok(plan) => plan,
        Err(problems) => {
            return Ok((StatusCode::UNPROCESSABLE_ENTITY, Json(Problems { problems })).into_response());
        }
    };
    let name = name.map(|name| common::human::printable(&name).chars().take(NAME_MAX).collect::<String>());
    let agents = agents.map(|agents| agents as usize);
    let order = Order { plan, text, name: name.filter(|name| !name.trim().is_empty()), agents };
    let entry = Entry::new(crate::read::new_id(), crate::read::now(), order);
    let entry = site.desk.add(entry).map_err(|why| {
        Refusal::new(
            StatusCode::TOO_MANY_REQUESTS,
            why,
            "wait until some are over, or DELETE those nobody needs",
        )
    })?;
    Ok((StatusCode::CREATED, Json(Created { id: entry.id.clone() })).into_response())
}

/// `GET /api/runs`
pub(super) async fn list(State(site): State<Site>) -> Result<Json<Vec<RunLine>>, Refusal> {
    lines(&site).await.map(Json)
}

/// Every run, the newest first.
pub(super) async fn lines(site: &Site) -> Result<Vec<RunLine>, Refusal> {
    let runs = site.desk.runs();
    let mut lines: Vec<RunLine> = runs.iter().rev().map(|entry| line(entry)).collect();
    if let Some(folder) = site.desk.data_dir().map(PathBuf::from).filter(|folder| is_kept(folder)) {
        let kept = blocking(move || Archive::open(&folder).and_then(|archive| archive.runs())).await?;
        for run in kept {
            match lines.iter_mut().find(|line| line.id == run.run_id) {
                Some(line) => line.revision = line.revision.max(run.report_revision),
                None => lines.push(RunLine {
                    id: run.run_id,
                    name: run.name,
                    created_at: run.created_at,
                    state: if run.report_revision > 0 { "over".into() } else { "unfinished".into() },
                    reason: String::new(),
                    verdict: run.verdict,
                    revision: run.report_revision,
                }),
            }
        }
    }
    Ok(lines)
}

fn line(entry: &Entry) -> RunLine {
    let (live, over) = (entry.board.live(), entry.board.over());
    let verdict = over.as_ref().and_then(|over| over.verdict.as_ref()).map(|verdict| word(verdict.result));
    let reason = match &over {
        Some(over) => over.failure.clone().unwrap_or_default(),
        None if entry.waits() => QUEUED.into(),
        None => live.run.waiting_for.join(", "),
    };
    RunLine {
        id: entry.id.clone(),
        name: entry.name.clone(),
        created_at: entry.created_at.clone(),
        state: live.run.state.clone(),
        reason,
        revision: u64::from(verdict.is_some()),
        verdict,
    }
}

fn word(result: common::report::Judgment) -> String {
    serde_json::to_value(result).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

/// `GET /api/runs/{id}`
pub(super) async fn page(State(site): State<Site>, Path(id): Path<String>) -> Result<Json<RunPage>, Refusal> {
    if let Some(entry) = site.desk.find(&id) {
        let line = line(&entry);
        return Ok(Json(RunPage {
            id: line.id,
            name: line.name,
            created_at: line.created_at,
            state: line.state,
            plan: entry.text().to_owned(),
            verdict: entry.board.over().and_then(|over| over.verdict.clone()),
        }));
    }
    let saved = saved(&site, &id).await?;
    let report = saved.report.as_deref().and_then(|text| serde_json::from_str::<Report>(text).ok());
    Ok(Json(RunPage {
        id: saved.run_id,
        name: saved.name,
        created_at: saved.created_at,
        state: if saved.report.is_some() { "over".into() } else { "unfinished".into() },
        plan: saved.plan,
        verdict: report.map(|report| report.verdict),
    }))
}

/// The plan of a run.
pub(super) async fn plan_of(site: &Site, id: &str) -> Result<String, Refusal> {
    match site.desk.find(id) {
        Some(entry) => Ok(entry.text().to_owned()),
        None => Ok(saved(site, id).await?.plan),
    }
}

/// A run that is kept on disk, without what was measured.
async fn saved(site: &Site, id: &str) -> Result<Saved, Refusal> {
    let folder = data_dir(site, id)?;
    let wanted = id.to_owned();
    let saved = blocking(move || Archive::open(&folder)?.head(&wanted)).await?;
    saved.ok_or_else(|| Refusal::no_run(id))
}

/// `GET /api/runs/{id}/report`
pub(super) async fn report(
    State(site): State<Site>,
    Path(id): Path<String>,
) -> Result<Json<Report>, Refusal> {
    Ok(Json(Report::clone(&*report_of(&site, &id).await?)))
}

/// The report of a run: of one that is on as it stands.
pub(super) async fn report_of(site: &Site, id: &str) -> Result<Arc<Report>, Refusal> {
    let Some(entry) = site.desk.find(id) else { return kept_report(site, id).await.map(Arc::new) };
    if entry.waits() {
        return Err(Refusal::conflict("the run has no report: it waits", QUEUED));
    }
    let remedy = "GET /api/runs/{id} tells how it ended";
    entry
        .board
        .report()
        .await
        .ok_or_else(|| Refusal::conflict("the run has no report: it never began", remedy))
}

/// The report of a run that is kept on disk.
pub(super) async fn kept_report(site: &Site, id: &str) -> Result<Report, Refusal> {
    let text = saved(site, id).await?.report.ok_or_else(|| {
        let remedy = "its controller ended before it: `controller start --resume` goes on with it";
        Refusal::conflict("the run has no report: it is not over", remedy)
    })?;
    serde_json::from_str(&text).map_err(|error| Refusal::internal(format!("read the stored report: {error}")))
}

/// `DELETE /api/runs/{id}`
pub(super) async fn delete(State(site): State<Site>, Path(id): Path<String>) -> Result<Json<Done>, Refusal> {
    if let Some(entry) = site.desk.find(&id)
        && is_on(&entry)
    {
        return Err(Refusal::conflict("the run is on", "POST /api/runs/{id}/stop ends it"));
    }
    let over =
        || Over { verdict: None, report: None, failure: Some(WITHDRAWN.into()), exit: Exit::Stopped as u8 };
    let waited = site.desk.find(&id).is_some_and(|entry| entry.withdraw(over()));
    let removed = site.desk.remove(&id);
    let folder = site.desk.data_dir().map(PathBuf::from).filter(|folder| !waited && is_kept(folder));
    let Some(folder) = folder else {
        return if removed { Ok(Json(Done {})) } else { Err(Refusal::no_run(&id)) };
    };
    let wanted = id.clone();
    let deleted = blocking(move || Ok(kept::delete_exactly(&folder, &wanted))).await?;
    match deleted {
        Ok(deleted) if deleted || removed => Ok(Json(Done {})),
        Ok(_) => Err(Refusal::no_run(&id)),
        Err(why) => Err(Refusal::conflict(format!("failed to {why}"), "try again when no run is on")),
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct Three {
    before: String,
    after: String,
    #[serde(default)]
    noise: String,
}

/// `GET /api/compare`
pub(super) async fn compare(
    State(site): State<Site>,
    three: Result<Query<Three>, QueryRejection>,
) -> Result<Json<Comparison>, Refusal> {
    let Query(Three { before, after, noise }) = three?;
    compared(&site, Compared { before, after, noise }).await.map(Json)
}

/// Two runs side by side, above the noise of a third one if there is one.
pub(super) async fn compared(site: &Site, chosen: Compared) -> Result<Comparison, Refusal> {
    let Some(folder) = site.desk.data_dir().map(PathBuf::from) else {
        let remedy = "start the controller with --data-dir DIR";
        return Err(Refusal::conflict("only runs that are kept on disk can be compared", remedy));
    };
    let compared = blocking(move || {
        let Compared { before, after, noise } = chosen;
        let noise: Vec<String> = Some(noise).filter(|run| !run.is_empty()).into_iter().collect();
        let runs = compare::Runs { before: &before, after: &after, noise: &noise };
        Ok(compare::compare(&folder, &runs))
    });
    compared.await?.map_err(|failure| {
        Refusal::new(StatusCode::NOT_FOUND, failure.message, "GET /api/runs lists those there are")
    })
}

/// The folder in which a run may be that is not on the desk.
fn data_dir(site: &Site, id: &str) -> Result<PathBuf, Refusal> {
    let folder = site.desk.data_dir().map(PathBuf::from).filter(|folder| is_kept(folder));
    folder.ok_or_else(|| Refusal::no_run(id))
}

/// Whether anything was kept there yet.
fn is_kept(folder: &std::path::Path) -> bool {
    kept::is_there(folder)
}

/// What reads or writes files is done beside everything else.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, String> + Send + 'static,
) -> Result<T, Refusal> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done.map_err(|why| Refusal::internal(format!("failed to {why}"))),
        Err(error) => Err(Refusal::internal(error.to_string())),
    }
}

const QUEUED: &str = "one run at a time is on, over all agents: it waits for its turn";
/// No name of a run is longer.
const NAME_MAX: usize = 200;
