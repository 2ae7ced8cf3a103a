//! What importers find: requests, in one form whatever file they stood in.

use super::value::Value;
use std::time::Duration;

/// A request of an imported file.
#[derive(Clone, Debug, Default)]
pub(super) struct Found {
    /// Where it stood, for people: `line 3`, `Login / Get token`.
    pub(super) place: String,
    pub(super) name: Option<String>,
    pub(super) method: String,
    /// Scheme and authority, `https://api.example:8443`; empty when the file names none.
    pub(super) origin: String,
    /// From the first slash, without the query; percent-encoded.
    pub(super) path: Value,
    /// Decoded names and values, in order.
    pub(super) query: Vec<(String, Value)>,
    pub(super) headers: Vec<(String, Value)>,
    pub(super) body: Body,
    pub(super) auth: Option<Auth>,
    pub(super) timeout: Option<Duration>,
    pub(super) redirects: Option<u32>,
    /// Until the next request.
    pub(super) think: Option<Duration>,
    /// Good statuses; empty: every one below 400.
    pub(super) status: Vec<u16>,
    pub(super) extract: Vec<(String, Extract)>,
}

/// What a request carries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Body {
    #[default]
    None,
    /// As it is.
    Text(Value),
    /// JSON, whose content-type is understood.
    Json(Value),
    /// Decoded names and values.
    Form(Vec<(String, Value)>),
    Multipart(Vec<Part>),
    /// The content of a file beside the plan.
    File(String),
}

/// A part of a multipart body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) name: String,
    pub(super) content: Content,
    pub(super) filename: Option<String>,
    pub(super) media_type: Option<String>,
}

/// What a part holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Content {
    Value(Value),
    /// The content of a file beside the plan.
    File(String),
}

/// Who the request says that it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Auth {
    Basic { user: Value, password: Value },
    Bearer(Value),
}

/// What later requests need of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Extract {
    /// A place in JSON, as JSONPath.
    Json(String),
}

/// Everything an importer found in one file.
#[derive(Debug, Default)]
pub(super) struct Findings {
    pub(super) requests: Vec<Found>,
    /// For one of many: one request per iteration, drawn; otherwise one after the other.
    pub(super) weighted: bool,
    /// What the target is, besides its origin.
    pub(super) target: Target,
    /// Lists that templates choose from, by name.
    pub(super) data: Vec<(String, Vec<serde_json::Value>)>,
    /// Whether cookies that answers set are sent back.
    pub(super) cookies: bool,
}

/// What the target's table of the plan holds beside the base URL.
#[derive(Debug, Default)]
pub(super) struct Target {
    pub(super) compression: bool,
    pub(super) insecure: bool,
    pub(super) http2: bool,
    /// Files with the client's certificate and key.
    pub(super) certificate: Option<(String, String)>,
    pub(super) unix: Option<String>,
    /// `host:port` and the `address:port` that is dialled for it.
    pub(super) resolve: Vec<(String, String)>,
}
