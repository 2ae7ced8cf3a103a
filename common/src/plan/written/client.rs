//! How requests travel, as it is written.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use toml::Spanned;

use crate::plan::Reuse;

/// Connections to the target.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::plan) struct Connection {
    /// Who uses a connection again: everybody, the user (in open loads: the iteration) that made it, or nobody.
    #[serde(rename = "use")]
    #[schemars(extend("default" = "pooled"))]
    pub(in crate::plan) reuse: Option<Reuse>,
    /// Requests on a connection before it is closed and another one made. Default: no limit.
    #[schemars(with = "Option<u32>", range(min = 1, max = 4_294_967_295_u32), extend("examples" = [1000]))]
    pub(in crate::plan) max_requests: Option<Spanned<u32>>,
    /// A connection older than this gets no more requests. Default: no limit.
    #[schemars(with = "Option<String>", extend("examples" = ["30s"]))]
    pub(in crate::plan) max_age: Option<Spanned<String>>,
    /// Addresses of the agent's machine from which connections are made, in turn.
    #[schemars(with = "Option<Vec<String>>", length(min = 1, max = 1000))]
    #[schemars(extend("examples" = [["192.0.2.1"]]))]
    pub(in crate::plan) source: Option<Vec<Spanned<String>>>,
    /// A Unix socket on the agent's machine that takes the place of the target's address.
    #[schemars(with = "Option<String>", extend("examples" = ["/run/api.sock"]))]
    pub(in crate::plan) unix: Option<Spanned<String>>,
    /// HOST:PORT = HOST:PORT: where to connect to instead.
    #[schemars(with = "Option<BTreeMap<String, String>>")]
    pub(in crate::plan) resolve: Option<BTreeMap<Spanned<String>, Spanned<String>>>,
}

/// Who requests say that they are: exactly one of the two.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::plan) struct Auth {
    pub(in crate::plan) basic: Option<Basic>,
    /// A token, sent as `authorization: Bearer …`.
    #[schemars(with = "Option<String>", extend("examples" = ["${env:TOKEN}"]))]
    pub(in crate::plan) bearer: Option<Spanned<String>>,
}

/// A name and a password, sent as `authorization: Basic …`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::plan) struct Basic {
    /// The user's name.
    #[schemars(required, with = "Option<String>", extend("examples" = ["user"]))]
    pub(in crate::plan) user: Option<Spanned<String>>,
    /// The password.
    #[schemars(required, with = "Option<String>", extend("examples" = ["${env:PASSWORD}"]))]
    pub(in crate::plan) password: Option<Spanned<String>>,
}
