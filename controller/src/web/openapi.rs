//! The description of the API: OpenAPI 3.1, whose schemas are JSON Schemas, so ours are taken as they are.

use super::shapes::*;
use axum::Json;
use common::compare::Comparison;
use common::live::Feed;
use common::report::Report;
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, SchemaGenerator};
use serde_json::{Map, Value, json};

/// An address of the API.
#[derive(Clone, Copy, Debug)]
pub struct Route {
    /// In capitals.
    pub method: &'static str,
    /// With `{…}` for what is named.
    pub path: &'static str,
    summary: &'static str,
    /// What is sent: its media type and schema.
    body: Option<(&'static str, Shape)>,
    /// Status, media type and schema of the answer when all is well.
    pub answer: (u16, &'static str, Shape),
    /// Another answer that is not a `Problem`.
    other: Option<(u16, Shape)>,
}

/// How a type is described.
pub type Shape = fn(&mut SchemaGenerator) -> schemars::Schema;

const JSON: &str = "application/json";

fn of<T: JsonSchema>() -> Shape {
    |schemas| schemas.subschema_for::<T>()
}

const fn get(path: &'static str, summary: &'static str, answer: Shape) -> Route {
    Route { method: "GET", path, summary, body: None, answer: (200, JSON, answer), other: None }
}

const fn post(path: &'static str, summary: &'static str, body: Shape, answer: Shape) -> Route {
    Route { method: "POST", body: Some((JSON, body)), ..get(path, summary, answer) }
}

/// Every address of the API.
#[must_use]
pub fn routes() -> Vec<Route> {
    [about_plans(), about_runs(), orders()].concat()
}

fn about_plans() -> Vec<Route> {
    let text = of::<String>();
    vec![
        get("/api/openapi.json", "This description.", of::<Value>()),
        get(
            "/api/status",
            "How the controller stands: agents, the run that is on, the queue.",
            of::<Status>(),
        ),
        Route {
            body: Some(("text/plain", text)),
            ..post("/api/plans/check", "Checks a plan; nothing is run.", text, of::<Checked>())
        },
        post("/api/plans/quick", "Makes a plan from the small form.", of::<Quick>(), of::<PlanText>()),
        get(
            "/api/compare",
            "Two runs that are kept on disk, side by side. `noise` is a third one that ought to be equal to `before`: \
             what those two differ by is noise.",
            of::<Comparison>(),
        ),
    ]
}

fn about_runs() -> Vec<Route> {
    let (run, text) = ("/api/runs/{id}", of::<String>());
    let queue = "Queues a run. One run at a time is on, over all agents; the others wait in their order.";
    let events = "Event `feed` with a Feed, at most once a second; its id is a number that Last-Event-ID brings back. \
                  Event `over` with an OverEvent at the end.";
    let delete = get(run, "Takes a run out of the queue, or deletes one that is over.", of::<Done>());
    let file = "Its report as one file for browsers; `download=true` for one to be kept.";
    vec![
        get("/api/runs", "Every run, the newest first: waiting, on, and kept.", of::<Vec<RunLine>>()),
        Route {
            answer: (201, JSON, of::<Created>()),
            other: Some((422, of::<Problems>())),
            ..post("/api/runs", queue, of::<NewRun>(), text)
        },
        get(run, "A run and its plan.", of::<RunPage>()),
        Route { method: "DELETE", ..delete },
        get("/api/runs/{id}/report", "Its report; of a run that is on as it stands.", of::<Report>()),
        Route { answer: (200, "text/html", text), ..get("/api/runs/{id}/report.html", file, text) },
        Route {
            answer: (200, "text/event-stream", of::<Feed>()),
            ..get("/api/runs/{id}/events", events, text)
        },
    ]
}

fn orders() -> Vec<Route> {
    let nothing = of::<Option<Done>>();
    let (stop, since) = (of::<Done>(), of::<Since>());
    vec![
        post("/api/runs/{id}/stop", "Ends a run that is on: what is under way ends.", nothing, stop),
        post("/api/runs/{id}/pause", "Begins nothing more until it goes on.", nothing, since),
        post("/api/runs/{id}/resume", "Goes on with what is asked for by then.", nothing, since),
        post("/api/runs/{id}/rate", "Changes the rate of a scenario.", of::<NewRate>(), since),
        post("/api/runs/{id}/users", "Changes the users of a scenario.", of::<NewUsers>(), since),
    ]
}

/// `GET /api/openapi.json`
pub(super) async fn document() -> Json<Value> {
    Json(describe())
}

/// The description.
#[must_use]
pub fn describe() -> Value {
    let mut schemas = SchemaSettings::draft2020_12()
        .with(|settings| {
            settings.definitions_path = "/components/schemas".into();
            settings.meta_schema = None;
        })
        .into_generator();
    let problem = schemas.subschema_for::<Problem>();
    schemas.subschema_for::<OverEvent>();
    let mut paths = Map::new();
    for route in routes() {
        let (status, media, answer) = route.answer;
        let answer = answer(&mut schemas);
        let mut answers = json!({
            status.to_string(): { "description": "All is well.", "content": { media: { "schema": answer } } },
            "4XX": { "description": "It cannot be done.", "content": { JSON: { "schema": problem } } },
        });
        if let Some((status, shape)) = route.other {
            let schema = shape(&mut schemas);
            answers[status.to_string()] =
                json!({ "description": "The plan has problems.", "content": { JSON: { "schema": schema } } });
        }
        let mut operation =
            json!({ "summary": route.summary, "responses": answers, "parameters": parameters(route) });
        if let Some((media, shape)) = route.body {
            let schema = shape(&mut schemas);
            operation["requestBody"] = json!({ "content": { media: { "schema": schema } } });
        }
        let path = paths.entry(route.path).or_insert_with(|| json!({}));
        path[route.method.to_lowercase()] = operation;
    }
    let definitions = schemas.take_definitions(true);
    json!({
        "openapi": "3.1.0",
        "info": { "title": "Stampede", "version": env!("CARGO_PKG_VERSION") },
        "paths": paths,
        "components": { "schemas": definitions },
    })
}

fn parameters(route: Route) -> Vec<Value> {
    let parameter = |place: &str, name: &str, required: bool| json!({ "in": place, "name": name, "required": required, "schema": { "type": "string" } });
    let mut list = vec![];
    if route.path.contains("{id}") {
        list.push(parameter("path", "id", true));
    }
    if route.path == "/api/compare" {
        let runs = [("before", true), ("after", true), ("noise", false)];
        list.extend(runs.map(|(name, required)| parameter("query", name, required)));
    }
    if route.path.ends_with("/events") {
        list.push(parameter("header", "Last-Event-ID", false));
    }
    list
}
