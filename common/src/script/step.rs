//! What one step sends: the same for all arrivals, or put together for each.

use std::sync::Arc;

use super::Message;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::multipart;
use crate::plan::{Body, FormPart, Method, PartContent, Step};
use crate::template::{NotRendered, Place, Resources, Scene, Template, percent, percent_encode};
use crate::text::Text;

/// The requests of a step.
#[derive(Clone, Debug)]
pub(super) enum Sent {
    Fixed(Message),
    Varying(Box<Varying>),
}

/// A request that differs from arrival to arrival.
#[derive(Clone, Debug)]
pub(super) struct Varying {
    method: Method,
    path: Part,
    /// Encoded names, and values.
    query: Vec<(String, Part)>,
    headers: Vec<(String, Part)>,
    /// Whether the authorization is `user:password`, to be encoded.
    basic: bool,
    body: Content,
}

/// What is sent behind the head.
#[derive(Clone, Debug)]
enum Content {
    None,
    Bytes(Vec<u8>),
    Text(Template),
    /// Encoded names, and values.
    Form(Vec<(String, Part)>),
    /// Whose it is, and its parts.
    Multipart(String, Vec<Field>),
}

/// A part of a `multipart/form-data` body.
#[derive(Clone, Debug)]
struct Field {
    name: String,
    filename: Option<Part>,
    media_type: Option<String>,
    content: Filling,
}

#[derive(Clone, Debug)]
enum Filling {
    Text(Part),
    File(Arc<[u8]>),
}

/// A text of a request.
#[derive(Clone, Debug)]
enum Part {
    Literal(String),
    Varying(Template),
}

/// Where a step stands.
pub(super) struct Where<'a> {
    pub(super) seed: u64,
    pub(super) scenario: &'a str,
    pub(super) number: usize,
    pub(super) step: usize,
}

impl Sent {
    pub(super) fn compile(step: &Step, place: &Where<'_>, resources: &Resources) -> Result<Self, String> {
        let at = |field: &str, json| Spot { place, field: field.to_owned(), json, resources };
        let fields = |key: &str, fields: &[(String, Text)]| {
            let field = |(name, value): &(String, Text)| {
                let mut encoded = String::new();
                percent_encode(&mut encoded, name);
                Ok((encoded, at(&format!("{key}.{name}"), false).part(value)?))
            };
            fields.iter().map(field).collect::<Result<Vec<_>, String>>()
        };
        let mut headers = Vec::new();
        for (name, value) in &step.headers {
            headers.push((name.clone(), at(&format!("headers.{name}"), false).part(value)?));
        }
        if let Some(media) = media_type(&step.body)
            && !headers.iter().any(|(name, _)| name == "content-type")
        {
            headers.push(("content-type".to_owned(), Part::Literal(media.to_owned())));
        }
        let body = match &step.body {
            Body::None => Content::None,
            Body::Multipart(parts) => {
                let tag = format!("{} {} {}", place.seed, place.scenario, place.step);
                let field = |(number, part): (usize, &FormPart)| {
                    let spot = |what: &str| at(&format!("multipart.{number}.{what}"), false);
                    field_of(part, &spot("filename"), &spot("value"))
                };
                let fields = parts.iter().enumerate().map(field).collect::<Result<_, String>>()?;
                Content::Multipart(tag, fields)
            }
            Body::Text(text) => at("body", false).content(text)?,
            Body::Json(text) => at("body", true).content(text)?,
            Body::Form(form) => Content::Form(fields("form", form)?),
            Body::File(path) => Content::Bytes(file(path, resources)?.to_vec()),
        };
        let path = at("path", false).part(&step.path)?;
        let varying = Varying {
            method: step.method,
            path,
            query: fields("query", &step.query)?,
            headers,
            basic: step.basic,
            body,
        };
        if !varying.is_fixed() {
            return Ok(Self::Varying(Box::new(varying)));
        }
        let mut message = Message::default();
        let nobody =
            Scene { identity: Default::default(), whose: Default::default(), vars: &Default::default() };
        varying.write(&nobody, &mut message).map_err(|NotRendered(why)| why)?;
        Ok(Self::Fixed(message))
    }
}

fn file(path: &str, resources: &Resources) -> Result<Arc<[u8]>, String> {
    resources.files.get(path).cloned().ok_or_else(|| format!("the file {path} is missing"))
}

fn field_of(part: &FormPart, filename: &Spot<'_>, value: &Spot<'_>) -> Result<Field, String> {
    Ok(Field {
        name: part.name.clone(),
        filename: part.filename.as_ref().map(|text| filename.part(text)).transpose()?,
        media_type: part.media_type.clone(),
        content: match &part.content {
            PartContent::Value(text) => Filling::Text(value.part(text)?),
            PartContent::File(path) => Filling::File(file(path, value.resources)?),
        },
    })
}

/// A text at its place.
struct Spot<'a> {
    place: &'a Where<'a>,
    field: String,
    json: bool,
    resources: &'a Resources,
}

impl Spot<'_> {
    fn template(&self, text: &Text) -> Result<Template, String> {
        let Where { seed, scenario, number, step } = *self.place;
        let place = Place { seed, scenario, number, step, field: &self.field, json: self.json };
        Template::compile(text, &place, self.resources).map_err(|why| format!("`{}`: {why}", self.field))
    }

    fn part(&self, text: &Text) -> Result<Part, String> {
        if let Some(literal) = text.literal() {
            return Ok(Part::Literal(literal.to_owned()));
        }
        let template = self.template(text)?;
        Ok(template.constant().map_or_else(|| Part::Varying(template.clone()), Part::Literal))
    }

    fn content(&self, text: &Text) -> Result<Content, String> {
        Ok(match self.part(text)? {
            Part::Literal(literal) => Content::Bytes(literal.into_bytes()),
            Part::Varying(template) => Content::Text(template),
        })
    }
}

impl Varying {
    fn is_fixed(&self) -> bool {
        let fixed = |fields: &[(String, Part)]| fields.iter().all(|(_, value)| value.is_fixed());
        let body = match &self.body {
            Content::None | Content::Bytes(_) => true,
            Content::Text(_) => false,
            Content::Form(fields) => fixed(fields),
            // Its boundary differs.
            Content::Multipart(..) => false,
        };
        body && self.path.is_fixed() && fixed(&self.query) && fixed(&self.headers)
    }

    pub(super) fn write(&self, scene: &Scene<'_>, out: &mut Message) -> Result<(), NotRendered> {
        out.method = self.method;
        out.path.clear();
        self.path.write(scene, &mut out.path)?;
        if !self.path.is_fixed() {
            check_path(&mut out.path)?;
        }
        for (name, value) in &self.query {
            out.path.push(if out.path.contains('?') { '&' } else { '?' });
            field(scene, (name, value), &mut out.path)?;
        }
        out.headers.resize_with(self.headers.len(), Default::default);
        for ((own, value), (name, sent)) in self.headers.iter().zip(&mut out.headers) {
            name.clone_from(own);
            sent.clear();
            value.write(scene, sent)?;
            if self.basic && own == "authorization" {
                *sent = format!("Basic {}", STANDARD.encode(sent.as_bytes()));
            }
            if !value.is_fixed() && !sent.bytes().all(|byte| byte == b'\t' || (b' '..=b'~').contains(&byte)) {
                return Err(NotRendered(format!(
                    "header `{own}`: a character that cannot stand in a header"
                )));
            }
        }
        self.write_body(scene, out)
    }

    fn write_body(&self, scene: &Scene<'_>, out: &mut Message) -> Result<(), NotRendered> {
        // The room of the last body is used again.
        let mut room = out.body.take().unwrap_or_default();
        room.clear();
        out.body = match &self.body {
            Content::None => None,
            Content::Bytes(bytes) => {
                room.extend_from_slice(bytes);
                Some(room)
            }
            Content::Text(template) => {
                let mut text = String::from_utf8(room).unwrap_or_default();
                template.render(scene, &mut text)?;
                Some(text.into_bytes())
            }
            Content::Form(fields) => {
                let mut text = String::from_utf8(room).unwrap_or_default();
                for (name, value) in fields {
                    if !text.is_empty() {
                        text.push('&');
                    }
                    field(scene, (name, value), &mut text)?;
                }
                Some(text.into_bytes())
            }
            Content::Multipart(tag, fields) => {
                let boundary = encode(scene, (tag, fields), &mut room)?;
                out.headers.retain(|(name, _)| name != "content-type");
                out.headers.push(("content-type".to_owned(), multipart::media_type(&boundary)));
                Some(room)
            }
        };
        Ok(())
    }
}

impl Part {
    fn is_fixed(&self) -> bool {
        matches!(self, Self::Literal(_))
    }

    fn write(&self, scene: &Scene<'_>, out: &mut String) -> Result<(), NotRendered> {
        match self {
            Self::Literal(literal) => {
                out.push_str(literal);
                Ok(())
            }
            Self::Varying(template) => template.render(scene, out),
        }
    }
}

/// Writes the parts of a form; returns the boundary between them.
fn encode(
    scene: &Scene<'_>,
    (tag, fields): (&str, &[Field]),
    out: &mut Vec<u8>,
) -> Result<String, NotRendered> {
    let rendered = |part: &Part| {
        let mut text = String::new();
        part.write(scene, &mut text).map(|()| text)
    };
    let mut texts = Vec::with_capacity(fields.len());
    for field in fields {
        let text = if let Filling::Text(part) = &field.content { rendered(part)? } else { String::new() };
        texts.push((text, field.filename.as_ref().map(rendered).transpose()?));
    }
    let parts = fields.iter().zip(&texts).map(|(field, (text, filename))| multipart::Part {
        name: &field.name,
        filename: filename.as_deref(),
        media_type: field.media_type.as_deref(),
        content: if let Filling::File(bytes) = &field.content { bytes } else { text.as_bytes() },
    });
    let parts: Vec<multipart::Part<'_>> = parts.collect();
    Ok(multipart::encode(&format!("{tag} {}", scene.identity.k), &parts, out))
}

/// `name=value`, the value encoded for a query or a form.
fn field(scene: &Scene<'_>, (name, value): (&str, &Part), out: &mut String) -> Result<(), NotRendered> {
    let mut text = String::new();
    value.write(scene, &mut text)?;
    out.push_str(name);
    out.push('=');
    percent_encode(out, &text);
    Ok(())
}

/// Encodes what cannot stand in a path; what has a meaning there (`/?&=%`) stays.
fn check_path(path: &mut String) -> Result<(), NotRendered> {
    if !path.starts_with('/') {
        return Err(NotRendered("the path does not begin with `/`".to_owned()));
    }
    let is_legal = |byte: u8| byte.is_ascii_graphic() && !br##""#<>\^`{|}"##.contains(&byte);
    if !path.bytes().all(is_legal) {
        let raw = std::mem::take(path);
        for byte in raw.bytes() {
            if is_legal(byte) {
                path.push(char::from(byte));
            } else {
                percent(path, byte);
            }
        }
    }
    Ok(())
}

/// What a body says of itself.
const fn media_type(body: &Body) -> Option<&'static str> {
    match body {
        Body::Json(_) => Some("application/json"),
        Body::Form(_) => Some("application/x-www-form-urlencoded"),
        Body::None | Body::Text(_) | Body::Multipart(_) | Body::File(_) => None,
    }
}
