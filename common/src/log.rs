//! Access logs, line by line: a format is compiled once, and each line is read by walking its fields.
//!
//! Pure over bytes. Apache's `LogFormat`, nginx's `log_format`, the presets made of them, JSON lines and CSV end in
//! the same [`Entry`]. Reading is lenient with what does not matter for a replay (fields nobody needs may hold
//! anything) and strict with what does: a line without a time that can be read, or without a request that can be
//! sent, is rejected with its reason. Nothing panics, whatever the bytes.

use std::borrow::Cow;
use std::fmt;

mod escape;
mod moment;
mod entry;
mod walk;
mod apache;
mod nginx;
mod keyed;

pub use keyed::Keys;
use keyed::{Columns, Paths};
use moment::Memory;
use walk::Layout;

/// One request, as a line tells it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Entry<'a> {
    /// When the request came, in nanoseconds since 1970 in UTC; `None` where the format has no time.
    pub time: Option<i64>,
    /// Whether the line tells the time in whole seconds only.
    pub is_coarse: bool,
    /// Who asked: an address mostly; empty when the format does not say.
    pub client: Cow<'a, [u8]>,
    /// As it stands in the line; `GET` when the format has none.
    pub method: Cow<'a, [u8]>,
    /// Path and query, from the first `/`: printable ASCII without spaces and `#`.
    pub path: Cow<'a, [u8]>,
    /// The host asked for; empty when the format does not say.
    pub host: Cow<'a, [u8]>,
    /// What was answered; `None` when the line has no status.
    pub status: Option<u16>,
    /// Bytes of the answer's body; with its head where the format tells only that.
    pub bytes: Option<u64>,
    /// How long the answer took, in nanoseconds.
    pub latency: Option<u64>,
    /// The request's body, where the log has it.
    pub body: Option<Cow<'a, [u8]>>,
}

/// Why a line is not replayed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reject {
    /// It does not have the format's layout.
    Layout,
    /// It is no JSON object.
    Json,
    /// Its time cannot be read.
    Time,
    /// Its request is none: a port scan, another protocol, or nothing.
    Request,
    /// The method is not one that can be sent.
    Method,
    /// A path that cannot be sent.
    Path,
    /// A status, size or latency that is no number.
    Number,
    /// The line is longer than [`LINE_MAX`].
    Long,
}

/// Bytes of a line.
pub const LINE_MAX: usize = 1 << 20;

/// Why a text is no format: what is wrong, and what would be right.
pub type Wrong = (String, String);

/// A compiled format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Format {
    shape: Shape,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Shape {
    Text(Layout),
    Json(Paths),
    Csv(Columns),
}

/// Reads the lines of one file.
#[derive(Debug, Clone)]
pub struct Reader<'f> {
    shape: &'f Shape,
    memory: Memory,
    columns: Option<Vec<usize>>,
}

impl Format {
    /// A format by its name: `common`, `combined`, `vhost`, `nginx` or `alb`.
    #[must_use]
    pub fn preset(name: &str) -> Option<Self> {
        let layout = match name {
            "common" => apache::compile(COMMON).ok()?.open(),
            "combined" => apache::compile(&format!("{COMMON}{AGENTS}")).ok()?.open(),
            "vhost" => apache::compile(&format!("%v:%p {COMMON}{AGENTS}")).ok()?.open(),
            "nginx" => nginx::compile(NGINX).ok()?.open(),
            "alb" => nginx::compile(ALB).ok()?.open(),
            _ => return None,
        };
        Some(Self { shape: Shape::Text(layout) })
    }

    /// Apache's `LogFormat`, with or without the directive's name and quotes.
    ///
    /// # Errors
    /// What is wrong with the text, and what would be right.
    pub fn apache(text: &str) -> Result<Self, Wrong> {
        apache::compile(text).map(|layout| Self { shape: Shape::Text(layout) })
    }

    /// nginx's `log_format`, with or without the directive's name and quotes.
    ///
    /// # Errors
    /// What is wrong with the text, and what would be right.
    pub fn nginx(text: &str) -> Result<Self, Wrong> {
        nginx::compile(text).map(|layout| Self { shape: Shape::Text(layout) })
    }

    /// A JSON object a line; keys may be dotted paths.
    ///
    /// # Errors
    /// What is wrong with the keys, and what would be right.
    pub fn json(keys: &Keys) -> Result<Self, Wrong> {
        Ok(Self { shape: Shape::Json(Paths::new(keys)?) })
    }

    /// Comma-separated values: columns by the names in each file's first line, or by number from 1.
    ///
    /// # Errors
    /// What is wrong with the columns, and what would be right.
    pub fn csv(keys: &Keys) -> Result<Self, Wrong> {
        Ok(Self { shape: Shape::Csv(Columns::new(keys)?) })
    }

    /// Whether lines tell a time.
    #[must_use]
    pub fn has_time(&self) -> bool {
        match &self.shape {
            Shape::Text(layout) => layout.has_time,
            Shape::Json(paths) => paths.has_time(),
            Shape::Csv(columns) => columns.has_time(),
        }
    }

    /// A reader for one file.
    #[must_use]
    pub fn reader(&self) -> Reader<'_> {
        Reader { shape: &self.shape, memory: Memory::default(), columns: None }
    }
}

impl Reader<'_> {
    /// What a line tells, without its line end; `Ok(None)` for an empty line and for the header of a CSV file.
    ///
    /// # Errors
    /// Why the line is not replayed.
    pub fn read<'a>(&mut self, line: &'a [u8]) -> Result<Option<Entry<'a>>, Reject> {
        if line.is_empty() {
            return Ok(None);
        }
        if line.len() > LINE_MAX {
            return Err(Reject::Long);
        }
        match self.shape {
            Shape::Text(layout) => layout.read(line, &mut self.memory).map(Some),
            Shape::Json(paths) => paths.read(line, &mut self.memory).map(Some),
            Shape::Csv(columns) => columns.read(line, &mut self.columns, &mut self.memory),
        }
    }
}

impl Reject {
    /// All of them, in the order of the report.
    pub const ALL: [Self; 8] = [
        Self::Layout,
        Self::Json,
        Self::Time,
        Self::Request,
        Self::Method,
        Self::Path,
        Self::Number,
        Self::Long,
    ];
}

impl fmt::Display for Reject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Layout => "not laid out as the format says",
            Self::Json => "no JSON object",
            Self::Time => "a time that cannot be read",
            Self::Request => "no HTTP request",
            Self::Method => "a method that cannot be sent",
            Self::Path => "a path that cannot be sent",
            Self::Number => "a status, size or latency that is no number",
            Self::Long => "longer than 1 MiB",
        })
    }
}

const COMMON: &str = r#"%h %l %u %t "%r" %>s %b"#;
const AGENTS: &str = r#" "%{Referer}i" "%{User-Agent}i""#;
const NGINX: &str = r#"$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent""#;
/// AWS documents the fields by position; the names that begin with `alb_` are ours.
const ALB: &str = r#"$type $time $elb $alb_client $alb_target $alb_latency $alb_latency $alb_latency $status $target_status $received $bytes_sent "$request" "$http_user_agent" $ssl_cipher $ssl_protocol $target_group "$trace_id" "$host" "$certificate" $priority $time_iso8601 "$actions""#;

#[cfg(test)]
mod tests;
