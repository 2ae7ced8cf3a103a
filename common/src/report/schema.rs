//! The contract of `report.json` for machines.

use super::Report;
use schemars::generate::SchemaSettings;
use serde_json::Value;

/// The version of the contract. It grows when a key is renamed, taken away or given another meaning, and not when one is
/// added.
pub const VERSION: u32 = 1;

/// The JSON Schema (draft 2020-12) of the reports that are written now: every key is there, whether it is `null` or not.
#[must_use]
pub fn schema() -> Value {
    let settings = SchemaSettings::draft2020_12().for_serialize();
    settings.into_generator().into_root_schema_for::<Report>().to_value()
}

/// The version of the reports that do not tell it.
pub(super) const fn first() -> u32 {
    1
}
