//! What loggers do to bytes that would break their lines, undone; and paths made fit to be sent.

use std::borrow::Cow;

/// The value as it was before the logger wrote `\"`, `\\`, `\n`, `\x22` or `\u0022` into it.
pub(super) fn unescape(value: &[u8]) -> Cow<'_, [u8]> {
    let Some(first) = memchr::memchr(b'\\', value) else { return Cow::Borrowed(value) };
    let mut plain = value[..first].to_vec();
    let mut rest = &value[first..];
    while let Some((&byte, after)) = rest.split_first() {
        if byte != b'\\' {
            plain.push(byte);
            rest = after;
            continue;
        }
        let (len, bytes) = one(after);
        match bytes {
            Some(Escaped::Byte(byte)) => plain.push(byte),
            Some(Escaped::Char(c)) => plain.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
            // What is no escape stands for itself.
            None => plain.push(b'\\'),
        }
        rest = &after[len..];
    }
    Cow::Owned(plain)
}

enum Escaped {
    Byte(u8),
    Char(char),
}

/// What stands behind a backslash, and how long it is.
fn one(after: &[u8]) -> (usize, Option<Escaped>) {
    let byte = |byte| (1, Some(Escaped::Byte(byte)));
    match after.first() {
        Some(b'n') => byte(b'\n'),
        Some(b'r') => byte(b'\r'),
        Some(b't') => byte(b'\t'),
        Some(b'b') => byte(8),
        Some(b'f') => byte(12),
        Some(b'v') => byte(11),
        Some(b'x') => hex(after.get(1..3))
            .and_then(|value| u8::try_from(value).ok())
            .map_or((0, None), |b| (3, Some(Escaped::Byte(b)))),
        Some(b'u') => match hex(after.get(1..5)) {
            Some(high @ 0xd800..0xdc00) => surrogates(high, after),
            Some(code) => char::from_u32(code).map_or((0, None), |c| (5, Some(Escaped::Char(c)))),
            None => (0, None),
        },
        Some(other @ (b'"' | b'\\' | b'/' | b'\'')) => byte(*other),
        _ => (0, None),
    }
}

fn surrogates(high: u32, after: &[u8]) -> (usize, Option<Escaped>) {
    let low = (after.get(5..7) == Some(b"\\u")).then(|| hex(after.get(7..11))).flatten();
    let code = low.filter(|low| (0xdc00..0xe000).contains(low));
    let code = code.map(|low| 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00));
    code.and_then(char::from_u32).map_or((0, None), |c| (11, Some(Escaped::Char(c))))
}

fn hex(digits: Option<&[u8]>) -> Option<u32> {
    let digits = std::str::from_utf8(digits?).ok()?;
    // `from_str_radix` would take a sign.
    if digits.starts_with('+') {
        return None;
    }
    u32::from_str_radix(digits, 16).ok()
}

/// A path as it can stand in a request line: what cannot is percent-encoded. `None` when it does not begin with `/`
/// or is longer than [`PATH_MAX`].
pub(super) fn path(value: Cow<'_, [u8]>) -> Option<Cow<'_, [u8]>> {
    if value.first() != Some(&b'/') || value.len() > PATH_MAX {
        return None;
    }
    if value.iter().all(|byte| is_sendable(*byte)) {
        return Some(value);
    }
    let mut encoded = Vec::with_capacity(value.len() + 16);
    for &byte in value.iter() {
        if is_sendable(byte) {
            encoded.push(byte);
        } else {
            encoded.push(b'%');
            encoded.extend([byte >> 4, byte & 15].map(|digit| b"0123456789ABCDEF"[usize::from(digit)]));
        }
    }
    (encoded.len() <= PATH_MAX).then_some(Cow::Owned(encoded))
}

const fn is_sendable(byte: u8) -> bool {
    matches!(byte, 0x21..=0x7e)
        && !matches!(byte, b'#' | b'"' | b'<' | b'>' | b'\\' | b'^' | b'`' | b'{' | b'|' | b'}')
}

/// As long as a plan's path may be.
const PATH_MAX: usize = 8_192;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_undone_and_what_is_none_stays() {
        for (written, plain) in [
            (r#"a"#, &b"a"[..]),
            (r#"a\"b\\c"#, b"a\"b\\c"),
            (r"\x22\x5C\xff", b"\"\\\xff"),
            (r"\u00e9\ud83d\ude00", "é😀".as_bytes()),
            (r"\n\r\t\b\f\v\/", b"\n\r\t\x08\x0c\x0b/"),
            (r"\xzz\u12\q\", br"\xzz\u12\q\"),
            (r"\ud83d\x+f", br"\ud83d\x+f"),
        ] {
            assert_eq!(unescape(written.as_bytes()).as_ref(), plain, "{written}");
        }
    }

    #[test]
    fn a_path_becomes_fit_to_be_sent() {
        let sent = |text: &[u8]| path(Cow::Borrowed(text)).map(Cow::into_owned);
        assert_eq!(sent(b"/a?b=%20"), Some(b"/a?b=%20".to_vec()));
        assert_eq!(sent("/ü b#\"".as_bytes()), Some(b"/%C3%BC%20b%23%22".to_vec()));
        assert_eq!(sent(b"*"), None);
        assert_eq!(sent(&[b'/'; PATH_MAX + 1]), None);
    }
}
