//! `multipart/form-data` bodies (RFC 7578): a form with files in it.
//!
//! The boundary is a function of the arrival, not of chance, so that the same arrival sends the same bytes from
//! whatever machine.

use sha2::{Digest, Sha256};

/// A part of a form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part<'a> {
    /// The field's name.
    pub name: &'a str,
    /// The name of the file that it is said to be.
    pub filename: Option<&'a str>,
    /// Its `content-type`; a file without one is bytes.
    pub media_type: Option<&'a str>,
    /// What it holds.
    pub content: &'a [u8],
}

/// Writes the parts into `out` and returns the boundary between them; `tag` says whose they are, like
/// `scenario:step:arrival`.
pub fn encode(tag: &str, parts: &[Part<'_>], out: &mut Vec<u8>) -> String {
    let boundary = boundary(tag, parts);
    for part in parts {
        out.extend_from_slice(format!("--{boundary}\r\ncontent-disposition: form-data; name=\"").as_bytes());
        quoted(part.name, out);
        if let Some(filename) = part.filename {
            out.extend_from_slice(b"\"; filename=\"");
            quoted(filename, out);
        }
        out.extend_from_slice(b"\"\r\n");
        let media = part.media_type.or(part.filename.map(|_| "application/octet-stream"));
        if let Some(media) = media {
            out.extend_from_slice(format!("content-type: {media}\r\n").as_bytes());
        }
        out.extend_from_slice(b"\r\n");
        out.extend_from_slice(part.content);
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
    boundary
}

/// The `content-type` of a body with this boundary.
#[must_use]
pub fn media_type(boundary: &str) -> String {
    format!("multipart/form-data; boundary={boundary}")
}

/// A boundary that stands in no part. A second attempt is as unlikely as a broken hash, unless somebody means it.
fn boundary(tag: &str, parts: &[Part<'_>]) -> String {
    let mut attempt = 0_u32;
    loop {
        let hash = Sha256::digest(format!("{attempt}:{tag}"));
        let hex: String = hash.iter().take(12).map(|byte| format!("{byte:02x}")).collect();
        let boundary = format!("stampede-{hex}");
        let is_inside = |part: &Part<'_>| memchr::memmem::find(part.content, boundary.as_bytes()).is_some();
        if !parts.iter().any(is_inside) {
            return boundary;
        }
        attempt += 1;
    }
}

/// A name as browsers quote it.
fn quoted(name: &str, out: &mut Vec<u8>) {
    for byte in name.bytes() {
        match byte {
            b'"' => out.extend_from_slice(b"%22"),
            b'\r' => out.extend_from_slice(b"%0D"),
            b'\n' => out.extend_from_slice(b"%0A"),
            byte => out.push(byte),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part<'a>(
        name: &'a str,
        filename: Option<&'a str>,
        media_type: Option<&'a str>,
        content: &'a [u8],
    ) -> Part<'a> {
        Part { name, filename, media_type, content }
    }

    #[test]
    fn a_form_is_what_its_parts_say() {
        let parts = [
            part("title", None, None, "grün".as_bytes()),
            part("a\"b\r\n", Some("c\"d.pdf"), None, &[0, 255]),
            part("j", Some("x.json"), Some("application/json"), b"{}"),
        ];
        let mut out = Vec::new();
        let boundary = encode("s:0:7", &parts, &mut out);
        let text = String::from_utf8_lossy(&out).replace(&boundary, "B");
        let expected = "--B\r\ncontent-disposition: form-data; name=\"title\"\r\n\r\ngrün\r\n\
            --B\r\ncontent-disposition: form-data; name=\"a%22b%0D%0A\"; filename=\"c%22d.pdf\"\r\n\
            content-type: application/octet-stream\r\n\r\n\0\u{fffd}\r\n\
            --B\r\ncontent-disposition: form-data; name=\"j\"; filename=\"x.json\"\r\n\
            content-type: application/json\r\n\r\n{}\r\n--B--\r\n";
        assert_eq!(text, expected);
        assert_eq!(media_type("B"), "multipart/form-data; boundary=B");
    }

    #[test]
    fn a_boundary_is_the_arrivals_own_and_stands_in_no_part() {
        let plain = [part("a", None, None, b"b")];
        let of = |tag: &str, parts: &[Part<'_>]| encode(tag, parts, &mut Vec::new());
        assert_eq!(of("s:0:7", &plain), of("s:0:7", &plain), "the same bytes from every machine");
        assert_ne!(of("s:0:7", &plain), of("s:0:8", &plain));
        let taken = of("s:0:7", &plain);
        let hostile = [part("a", None, None, taken.as_bytes())];
        assert_ne!(of("s:0:7", &hostile), taken);
        assert!(taken.len() <= 70, "the longest boundary that RFC 2046 allows");
    }
}
