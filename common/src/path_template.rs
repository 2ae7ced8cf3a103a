//! Names for requests that were given none: paths that differ only in what they are about share one.

/// The path as a name: without its query, and with `{id}` where a number, a UUID or another token stands.
///
/// A segment becomes `{id}` when it is all digits, a UUID, hex of 8 digits or more, or a long mix of letters and digits
/// as keys and hashes are; a file extension behind it stays. A template expression becomes its first name: `{{ user.id }}`
/// is `{user.id}`. What no rule knows stays as it is.
#[must_use]
pub fn path_template(path: &str) -> String {
    let named = without_templates(path);
    let path = named.split_once('?').map_or(named.as_str(), |(path, _)| path);
    let segments: Vec<String> = path.split('/').map(segment).collect();
    segments.join("/")
}

/// Every template expression replaced by its first name in braces; blocks and comments left out.
fn without_templates(path: &str) -> String {
    let (mut named, mut rest) = (String::with_capacity(path.len()), path);
    while let Some(at) = rest.find('{') {
        let (before, from) = rest.split_at(at);
        named.push_str(before);
        let (close, is_value) = match from.as_bytes().get(1) {
            Some(b'{') => ("}}", true),
            Some(b'%') => ("%}", false),
            Some(b'#') => ("#}", false),
            _ => ("", false),
        };
        let Some(end) = from.find(close).filter(|_| !close.is_empty()) else {
            named.push('{');
            rest = &from[1..];
            continue;
        };
        if is_value {
            named.push_str(&format!("{{{}}}", first_name(&from[2..end])));
        }
        rest = &from[end + close.len()..];
    }
    named.push_str(rest);
    named
}

fn first_name(expression: &str) -> &str {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.';
    let expression = expression.trim_matches(|c: char| c.is_whitespace() || c == '-');
    let end = expression.find(|c| !is_part(c)).unwrap_or(expression.len());
    &expression[..end]
}

fn segment(text: &str) -> String {
    if is_id(text) {
        return ID.to_owned();
    }
    match text.rsplit_once('.') {
        Some((stem, extension)) if is_id(stem) && is_extension(extension) => format!("{ID}.{extension}"),
        _ => text.to_owned(),
    }
}

fn is_extension(text: &str) -> bool {
    (1..=5).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

fn is_id(text: &str) -> bool {
    let count = |is: fn(&u8) -> bool| text.bytes().filter(is).count();
    let digits = count(u8::is_ascii_digit);
    if text.is_empty() || digits == 0 {
        return false;
    }
    if digits == text.len()
        || is_uuid(text)
        || (text.len() >= SHORTEST_HEX && count(u8::is_ascii_hexdigit) == text.len())
    {
        return true;
    }
    let (upper, lower) = (count(u8::is_ascii_uppercase), count(u8::is_ascii_lowercase));
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"-_+=~.".contains(&byte);
    let mixed = text.len() >= SHORTEST_MIXED && upper > 0 && lower > 0 && text.bytes().all(is_token);
    // Of one case only: words joined by strokes are a title, not a key.
    let plain = text.len() >= SHORTEST_PLAIN && digits >= 4 && digits + upper + lower == text.len();
    mixed || plain
}

fn is_uuid(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let lengths = parts.iter().map(|part| part.len());
    lengths.eq([8, 4, 4, 4, 12]) && parts.concat().bytes().all(|byte| byte.is_ascii_hexdigit())
}

const ID: &str = "{id}";
const SHORTEST_HEX: usize = 8;
const SHORTEST_MIXED: usize = 16;
const SHORTEST_PLAIN: usize = 20;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn paths_that_differ_in_what_they_are_about_share_a_name() {
        for (path, name, why) in [
            ("/", "/", "nothing to replace"),
            ("/users/17", "/users/{id}", "a number"),
            ("/users/17?x=1", "/users/{id}", "the query is left out"),
            ("/users/17/orders/4/", "/users/{id}/orders/{id}/", "several, and the last stroke stays"),
            ("/o/6f9619ff-8b86-d011-b42d-00c04fc964ff", "/o/{id}", "a UUID"),
            ("/c/b431a41f", "/c/{id}", "eight hex digits"),
            ("/c/b431a4", "/c/b431a4", "six are too few to be sure"),
            ("/c/defaced", "/c/defaced", "a word of hex letters"),
            ("/s/dQw4w9WgXcQ3fh7Kp2", "/s/{id}", "a long mix of letters and digits"),
            ("/s/01h455vb4pex5vsknk084sn02q", "/s/{id}", "a long key of one case"),
            ("/blog/how-we-moved-to-rust-in-2024", "/blog/how-we-moved-to-rust-in-2024", "a title is no key"),
            ("/api/v2/items", "/api/v2/items", "a version"),
            ("/img/1234.png", "/img/{id}.png", "a number with an extension"),
            ("/a/{{ user.id }}/b", "/a/{user.id}/b", "a template's first name"),
            ("/a/{{pick(hosts)}}?q={{ x }}", "/a/{pick}", "a function's name"),
            ("/a/{{ p ~ '?' }}/b?c", "/a/{p}/b", "a question mark inside of a template begins no query"),
            ("/a/{% if x %}b{% endif %}", "/a/b", "blocks say nothing"),
            ("/a/{id}/{{ open", "/a/{id}/{{ open", "braces that are no template stay"),
        ] {
            assert_eq!(path_template(path), name, "{why}");
        }
    }

    proptest! {
        #[test]
        fn no_path_panics_and_a_name_names_itself(path in "[/a-zA-Z0-9{}%?.é-]{0,60}") {
            let once = path_template(&path);
            if !once.contains("{{") && !once.contains("{%") && !once.contains("{#") {
                prop_assert_eq!(path_template(&once), once);
            }
        }
    }
}
