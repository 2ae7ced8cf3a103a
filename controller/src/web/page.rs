//! Pages for people; what they show and do is the API's.

use super::Site;
use super::answer::Refusal;
use super::runs::{lines, plan_of, report_of};
use super::shapes::RunLine;
use crate::pages::{Compared, RunRow};
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::http::header;
use axum::response::{Html, IntoResponse, Response};
use serde::Deserialize;

/// `/`: starting and watching runs.
pub(super) async fn now(State(site): State<Site>) -> Result<Html<String>, Refusal> {
    site.pages.now().map(Html).map_err(Refusal::internal)
}

/// `/runs`: the history.
pub(super) async fn history(State(site): State<Site>) -> Result<Html<String>, Refusal> {
    let rows = rows(&site).await?;
    site.pages.runs(&rows).map(Html).map_err(Refusal::internal)
}

/// `/runs/{id}`: the report of a run; of one that is on, the page on which it is watched.
pub(super) async fn run(State(site): State<Site>, Path(id): Path<String>) -> Result<Response, Refusal> {
    if site.desk.find(&id).is_some_and(|entry| !entry.is_over()) {
        return Ok((StatusCode::SEE_OTHER, [(header::LOCATION, "/")]).into_response());
    }
    let (report, plan) = (report_of(&site, &id).await?, plan_of(&site, &id).await?);
    let page = site.pages.report_page(&report, &plan).map_err(Refusal::internal)?;
    Ok(Html(page).into_response())
}

/// `/compare`: two runs side by side, above the noise of a third one if there is one.
pub(super) async fn compare(
    State(site): State<Site>,
    Query(chosen): Query<Compared>,
) -> Result<Html<String>, Refusal> {
    let rows = rows(&site).await?;
    let compared = if chosen.before.is_empty() || chosen.after.is_empty() {
        None
    } else {
        Some(super::runs::compared(&site, chosen.clone()).await.map_err(|why| why.told()))
    };
    let page = site.pages.compare(&rows, &chosen, compared.as_ref());
    page.map(Html).map_err(Refusal::internal)
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Form {
    download: bool,
}

/// `/api/runs/{id}/report.html`: the report as one file.
pub(super) async fn file(
    State(site): State<Site>,
    Path(id): Path<String>,
    Query(form): Query<Form>,
) -> Result<Response, Refusal> {
    let (report, plan) = (report_of(&site, &id).await?, plan_of(&site, &id).await?);
    let page = site.pages.report_file(&report, &plan, true).map_err(Refusal::internal)?;
    let mut response = Html(page).into_response();
    if form.download {
        let name: String = id.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').collect();
        let disposition = format!("attachment; filename=\"{name}.html\"");
        if let Ok(disposition) = disposition.parse() {
            response.headers_mut().insert(header::CONTENT_DISPOSITION, disposition);
        }
    }
    // It brings its scripts along and says itself what it may load.
    response.extensions_mut().insert(super::guard::OwnPolicy);
    Ok(response)
}

async fn rows(site: &Site) -> Result<Vec<RunRow>, Refusal> {
    let row = |line: RunLine| RunRow {
        id: line.id,
        name: line.name,
        created_at: line.created_at,
        state: line.state,
        verdict: line.verdict,
    };
    Ok(lines(site).await?.into_iter().map(row).collect())
}
