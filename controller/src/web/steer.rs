//! Orders to a run that is on.

use super::Site;
use super::answer::Refusal;
use super::shapes::{Done, NewRate, NewUsers, Since};
use crate::coordinator::Steer;
use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use common::rate::Rate;
use common::time::RunTime;
use std::time::Duration;
use tokio::sync::oneshot;

/// Ends a run: what is under way ends, then it reports. One that waits is taken out of the queue with DELETE.
pub(super) async fn stop(State(site): State<Site>, Path(id): Path<String>) -> Result<Json<Done>, Refusal> {
    ask(&site, &id, Steer::Stop).await?;
    Ok(Json(Done {}))
}

/// Changes the rate of a scenario.
pub(super) async fn rate(
    State(site): State<Site>,
    Path(id): Path<String>,
    body: Result<Json<NewRate>, JsonRejection>,
) -> Result<Json<Since>, Refusal> {
    let Json(NewRate { scenario, rate }) = body?;
    let milli = milli("rate", &rate)?;
    let at = ask(&site, &id, |reply| Steer::Rate { scenario, milli, reply }).await?;
    Ok(Json(since(at)))
}

/// Changes the users of a scenario.
pub(super) async fn users(
    State(site): State<Site>,
    Path(id): Path<String>,
    body: Result<Json<NewUsers>, JsonRejection>,
) -> Result<Json<Since>, Refusal> {
    let Json(NewUsers { scenario, users, spawn }) = body?;
    let spawn_milli = spawn.as_deref().map(|spawn| milli("spawn", spawn)).transpose()?;
    let at = ask(&site, &id, |reply| Steer::Users { scenario, users, spawn_milli, reply }).await?;
    Ok(Json(since(at)))
}

/// Begins nothing more until the run goes on.
pub(super) async fn pause(State(site): State<Site>, Path(id): Path<String>) -> Result<Json<Since>, Refusal> {
    Ok(Json(since(ask(&site, &id, Steer::Pause).await?)))
}

/// Goes on with what is asked for by then.
pub(super) async fn resume(State(site): State<Site>, Path(id): Path<String>) -> Result<Json<Since>, Refusal> {
    Ok(Json(since(ask(&site, &id, Steer::Resume).await?)))
}

fn milli(key: &str, text: &str) -> Result<u64, Refusal> {
    let rate = text.parse::<Rate>().map_err(|why| {
        Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, format!("{key} is no rate: {why}"), why.remedy())
    })?;
    Ok(rate.milli())
}

fn since(at: RunTime) -> Since {
    Since { at_s: at.nanos() as f64 / 1e9 }
}

/// Hands a wish to the coordinator and waits for its answer.
async fn ask<T>(
    site: &Site,
    id: &str,
    wish: impl FnOnce(oneshot::Sender<Result<T, String>>) -> Steer,
) -> Result<T, Refusal> {
    let entry = site.desk.find(id).ok_or_else(|| Refusal::no_run(id))?;
    let not_on = || {
        let remedy = "only a run that is on can be steered; DELETE takes one that waits out of the queue";
        Refusal::conflict("the run is not on", remedy)
    };
    let wishes = entry.wishes().ok_or_else(not_on)?;
    let (reply, answer) = oneshot::channel();
    wishes.send(wish(reply)).await.map_err(|_| not_on())?;
    match tokio::time::timeout(ANSWER_WITHIN, answer).await {
        Ok(Ok(Ok(told))) => Ok(told),
        Ok(Ok(Err(why))) => Err(Refusal::conflict(why, "GET /api/runs/{id} tells how the run stands")),
        Ok(Err(_)) => Err(not_on()),
        Err(_) => Err(Refusal::internal("the run did not answer in time")),
    }
}

const ANSWER_WITHIN: Duration = Duration::from_secs(10);
