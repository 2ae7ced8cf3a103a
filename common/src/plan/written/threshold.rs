//! Rules, as they are written.

use schemars::JsonSchema;
use serde::Deserialize;
use toml::Spanned;

/// A rule over a measured value.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::plan) struct Threshold {
    /// `[SCENARIO.]MEASURE[.STATISTIC]`: `response_time`, `service_time` or `send_lag` with a statistic
    /// (`p50`, `p90`, `p95`, `p99`, `p99_9`, `min`, `mean`, `max`); `error_rate`, `delivered` or `share` (of answers
    /// with `status`); `rate` (finished requests per second); `requests` or `errors` (how many).
    #[schemars(required, with = "Option<String>", extend("examples" = ["response_time.p99"]))]
    pub(in crate::plan) metric: Option<Spanned<String>>,
    /// A comparison with a time (`us`, `ms`, `s`), a share (`%` or a fraction), a rate (`/s`) or a count.
    #[schemars(required, with = "Option<String>", extend("examples" = ["< 250ms"]))]
    pub(in crate::plan) limit: Option<Spanned<String>>,
    /// Only requests of steps of this name.
    #[schemars(with = "Option<String>", extend("examples" = ["GET /"]))]
    pub(in crate::plan) step: Option<Spanned<String>>,
    /// Only requests that are due in this phase.
    #[schemars(with = "Option<String>", extend("examples" = ["stress"]))]
    pub(in crate::plan) phase: Option<Spanned<String>>,
    /// Only answers with this status, or of this class: `404`, `5xx`. For `share`, `rate` and `requests`.
    #[schemars(with = "Option<String>", extend("examples" = ["5xx"]))]
    pub(in crate::plan) status: Option<Spanned<String>>,
    /// The rule holds of every window of this length. Default: of the whole run.
    #[schemars(with = "Option<String>", extend("examples" = ["10s"]))]
    pub(in crate::plan) window: Option<Spanned<String>>,
    /// From the begin of one window to that of the next.
    #[schemars(with = "Option<String>", extend("default" = "1s"))]
    pub(in crate::plan) every: Option<Spanned<String>>,
    /// Whether the run is stopped as soon as the rule is broken.
    #[schemars(with = "Option<bool>", extend("default" = false))]
    pub(in crate::plan) abort: Option<Spanned<bool>>,
    /// The rule stops nothing before this run time. Default: it may at any time.
    #[schemars(with = "Option<String>", extend("examples" = ["30s"]))]
    pub(in crate::plan) grace: Option<Spanned<String>>,
    /// With fewer requests a window is not judged, and the whole run does not keep to the rule.
    #[schemars(range(min = 1), extend("examples" = [100]))]
    pub(in crate::plan) min_samples: Option<u64>,
}
