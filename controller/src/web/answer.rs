//! Answers of the API: JSON, or what is wrong and what would help.

use super::shapes::Problem;
use axum::Json;
use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

/// What is wrong, with its status.
#[derive(Debug)]
pub(super) struct Refusal {
    status: StatusCode,
    problem: Problem,
}

impl Refusal {
    pub(super) fn new(status: StatusCode, error: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { status, problem: Problem { error: error.into(), remedy: remedy.into() } }
    }

    /// In one sentence.
    pub(super) fn told(self) -> String {
        format!("{}: {}", self.problem.error, self.problem.remedy)
    }

    pub(super) fn no_run(id: &str) -> Self {
        let error = format!("there is no run {}", common::human::printable(id));
        Self::new(StatusCode::NOT_FOUND, error, "GET /api/runs lists those there are")
    }

    pub(super) fn conflict(error: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, error, remedy)
    }

    pub(super) fn internal(error: impl Into<String>) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, error, "the controller's log may tell more")
    }
}

impl From<JsonRejection> for Refusal {
    fn from(rejection: JsonRejection) -> Self {
        Self::new(rejection.status(), rejection.body_text(), "GET /api/openapi.json describes what is taken")
    }
}

impl From<QueryRejection> for Refusal {
    fn from(rejection: QueryRejection) -> Self {
        Self::new(rejection.status(), rejection.body_text(), "GET /api/openapi.json describes what is taken")
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        (self.status, Json(self.problem)).into_response()
    }
}

/// Nothing is there.
pub(super) async fn nothing_there() -> Refusal {
    Refusal::new(
        StatusCode::NOT_FOUND,
        "there is nothing at this address",
        "GET /api/openapi.json lists the API",
    )
}

/// Something is there, for another method.
pub(super) async fn not_so() -> Refusal {
    let remedy = "GET /api/openapi.json lists the API";
    Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "this address takes another method", remedy)
}
