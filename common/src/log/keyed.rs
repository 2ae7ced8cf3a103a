//! Logs whose fields have names: JSON lines and CSV.

use super::entry::{Field, Fields};
use super::moment::{Form, Memory, number};
use super::{Entry, Reject, Wrong};
use serde_json::Value;
use std::borrow::Cow;

/// Which key or column tells what.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Keys {
    /// When the request came: a number since 1970 (seconds, milli-, micro- or nanoseconds, told apart by their
    /// size), RFC 3339, or as in Apache's logs.
    pub time: Option<String>,
    /// Who asked.
    pub client: Option<String>,
    /// `GET /path HTTP/1.1`
    pub request: Option<String>,
    /// The method; without one every request is a GET.
    pub method: Option<String>,
    /// The path, mostly with its query; or a whole URL.
    pub path: Option<String>,
    /// The query, where it stands alone.
    pub query: Option<String>,
    /// The host asked for.
    pub host: Option<String>,
    /// The status answered.
    pub status: Option<String>,
    /// Bytes of the answer's body.
    pub bytes: Option<String>,
    /// How long the answer took.
    pub latency: Option<String>,
    /// Its unit: `s` (the default), `ms`, `us` or `ns`.
    pub latency_unit: Option<String>,
    /// The request's body.
    pub body: Option<String>,
}

impl Keys {
    /// Every key that is named, and what it tells.
    fn fields(&self) -> Result<Vec<(&str, Field)>, Wrong> {
        let unit = match self.latency_unit.as_deref() {
            None | Some("s") => 1_000_000_000,
            Some("ms") => 1_000_000,
            Some("us") => 1_000,
            Some("ns") => 1,
            Some(other) => {
                return Err((format!("`latency_unit`: {other:?} is no unit"), "s, ms, us or ns".to_owned()));
            }
        };
        let all = [
            (&self.time, Field::Time(Form::Guess)),
            (&self.client, Field::Client),
            (&self.request, Field::Request),
            (&self.method, Field::Method),
            // Of a lone path the query is put behind; a path that has its query is left as it is.
            (&self.path, if self.query.is_some() { Field::Path } else { Field::Target }),
            (&self.query, Field::Query),
            (&self.host, Field::Host),
            (&self.status, Field::Status),
            (&self.bytes, Field::Bytes),
            (&self.latency, Field::Latency(unit)),
            (&self.body, Field::Body),
        ];
        let named: Vec<_> =
            all.into_iter().filter_map(|(key, field)| Some((key.as_deref()?, field))).collect();
        if self.path.is_none() && self.request.is_none() {
            let help = "name the key that holds it: path = \"url\" or request = \"request\"";
            return Err(("nothing tells the path".to_owned(), help.to_owned()));
        }
        Ok(named)
    }
}

/// The keys of a JSON object, as paths.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Paths {
    fields: Vec<(Vec<String>, Field)>,
}

impl Paths {
    pub(super) fn new(keys: &Keys) -> Result<Self, Wrong> {
        let path = |key: &str| key.split('.').map(str::to_owned).collect();
        let fields = keys.fields()?.into_iter().map(|(key, field)| (path(key), field)).collect();
        Ok(Self { fields })
    }

    pub(super) fn has_time(&self) -> bool {
        // The time is the first of the fields, when it is one of them.
        matches!(self.fields.first(), Some((_, Field::Time(_))))
    }

    pub(super) fn read<'a>(&self, line: &'a [u8], memory: &mut Memory) -> Result<Entry<'a>, Reject> {
        let object: Value = serde_json::from_slice(line).map_err(|_| Reject::Json)?;
        if !object.is_object() {
            return Err(Reject::Json);
        }
        let mut fields = Fields::default();
        for (path, field) in &self.fields {
            let Some(value) = found(&object, path) else { continue };
            let text = match value {
                Value::Null => continue,
                Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            given(&mut fields, field, text.into_bytes(), memory)?;
        }
        fields.entry(self.has_time(), false)
    }
}

/// The value under the whole key, or under its parts one in the other.
fn found<'v>(object: &'v Value, path: &[String]) -> Option<&'v Value> {
    if path.len() > 1
        && let Some(value) = object.get(path.join("."))
    {
        return Some(value);
    }
    path.iter().try_fold(object, |value, key| value.get(key))
}

/// Takes a value that is not escaped.
fn given(fields: &mut Fields<'_>, field: &Field, value: Vec<u8>, memory: &mut Memory) -> Result<(), Reject> {
    match field {
        Field::Time(_) | Field::Status | Field::Bytes | Field::Latency(_) => {
            fields.number(field, &value, memory)
        }
        _ => {
            fields.text(field, Cow::Owned(value));
            Ok(())
        }
    }
}

/// The columns of a CSV file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Columns {
    names: Vec<String>,
    fields: Vec<Field>,
    /// Places from 0, when columns are numbered and files have no header.
    numbered: Option<Vec<usize>>,
}

impl Columns {
    pub(super) fn new(keys: &Keys) -> Result<Self, Wrong> {
        let (names, fields): (Vec<_>, Vec<_>) = keys.fields()?.into_iter().unzip();
        let place =
            |name: &&str| number(name.as_bytes()).and_then(|n| usize::try_from(n.checked_sub(1)?).ok());
        let places: Vec<Option<usize>> = names.iter().map(place).collect();
        let some = places.iter().flatten().count();
        if some > 0 && some < places.len() {
            let help = "name all of them, or number all of them from 1";
            return Err(("some columns have names and some have numbers".to_owned(), help.to_owned()));
        }
        let names = names.into_iter().map(str::to_owned).collect();
        Ok(Self { names, fields, numbered: places.into_iter().collect() })
    }

    pub(super) fn has_time(&self) -> bool {
        matches!(self.fields.first(), Some(Field::Time(_)))
    }

    /// `places` belongs to one file: its header fills it.
    pub(super) fn read<'a>(
        &self,
        line: &'a [u8],
        places: &mut Option<Vec<usize>>,
        memory: &mut Memory,
    ) -> Result<Option<Entry<'a>>, Reject> {
        let values = split(line).ok_or(Reject::Layout)?;
        let places = match (&self.numbered, places) {
            (Some(numbered), _) => numbered,
            (None, Some(places)) => places,
            (None, header @ None) => {
                let place = |name: &String| values.iter().position(|value| **value == *name.as_bytes());
                *header = Some(self.names.iter().map(place).collect::<Option<_>>().ok_or(Reject::Layout)?);
                return Ok(None);
            }
        };
        let mut fields = Fields::default();
        for (place, field) in places.iter().zip(&self.fields) {
            let value = values.get(*place).ok_or(Reject::Layout)?;
            given(&mut fields, field, value.to_vec(), memory)?;
        }
        fields.entry(self.has_time(), false).map(Some)
    }
}

/// The values of a line (RFC 4180); `None` when a quote is not closed or text follows one.
fn split(line: &[u8]) -> Option<Vec<Cow<'_, [u8]>>> {
    let mut values = Vec::new();
    let mut rest = line;
    loop {
        let (value, after) = if let Some(quoted) = rest.strip_prefix(b"\"") {
            let (value, after) = unquote(quoted)?;
            (Cow::Owned(value), after)
        } else {
            let end = memchr::memchr(b',', rest).unwrap_or(rest.len());
            (Cow::Borrowed(&rest[..end]), &rest[end..])
        };
        values.push(value);
        match after.split_first() {
            None => return Some(values),
            Some((b',', after)) => rest = after,
            Some(_) => return None,
        }
    }
}

fn unquote(text: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let (mut value, mut rest) = (Vec::new(), text);
    loop {
        let end = memchr::memchr(b'"', rest)?;
        value.extend_from_slice(&rest[..end]);
        rest = &rest[end + 1..];
        match rest.strip_prefix(b"\"") {
            Some(after) => {
                value.push(b'"');
                rest = after;
            }
            None => return Some((value, rest)),
        }
    }
}
