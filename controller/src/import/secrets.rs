//! Credentials in imported requests: found by the name they go by or by how they look, and replaced by references
//! into the agents' environment. Their values are never written.

use super::found::{Auth, Body, Content, Found};
use super::value::{Piece, Value};
use std::collections::BTreeMap;

/// The credentials of an import, by the name of the environment variable.
#[derive(Debug, Default)]
pub(super) struct Secrets {
    by_name: BTreeMap<String, Secret>,
}

#[derive(Debug)]
struct Secret {
    /// Only compared, never shown; `None` for one that the file itself refers to.
    value: Option<String>,
    /// Where it stands in requests, and in how many.
    uses: BTreeMap<String, usize>,
}

impl Secrets {
    /// The name under which the agents find `value`.
    fn keep(&mut self, wish: &str, value: &str, used: &str) -> String {
        let name = (1..)
            .map(|n| if n == 1 { wish.to_owned() } else { format!("{wish}_{n}") })
            .find(|name| self.by_name.get(name).is_none_or(|own| own.value.as_deref() == Some(value)));
        let name = name.unwrap_or_else(|| wish.to_owned());
        let fresh = || Secret { value: Some(value.to_owned()), uses: BTreeMap::new() };
        let secret = self.by_name.entry(name.clone()).or_insert_with(fresh);
        *secret.uses.entry(used.to_owned()).or_default() += 1;
        name
    }

    /// A variable that the file itself takes from its environment.
    pub(super) fn refer(&mut self, name: &str, used: &str) {
        let fresh = || Secret { value: None, uses: BTreeMap::new() };
        let secret = self.by_name.entry(name.to_owned()).or_insert_with(fresh);
        *secret.uses.entry(used.to_owned()).or_default() += 1;
    }

    /// Hides a value of which the file says that it is a credential.
    pub(super) fn hide(&mut self, name: &str, value: &Value, used: &str) -> Value {
        self.whole(&variable(name), value, used)
    }

    /// The variables that must be set, with what each is for.
    pub(super) fn list(&self) -> Vec<(String, String)> {
        let told = |(place, count): (&String, &usize)| match count {
            1 => place.clone(),
            count => format!("{place}, {count} times"),
        };
        let used = |secret: &Secret| secret.uses.iter().map(told).collect::<Vec<_>>().join("; ");
        self.by_name.iter().map(|(name, secret)| (name.clone(), used(secret))).collect()
    }

    /// Takes every credential out of a request.
    pub(super) fn take(&mut self, found: &mut Found) {
        for (name, value) in &mut found.headers {
            *value = self.header(name, value);
        }
        for (name, value) in &mut found.query {
            *value = self.named(name, value, &format!("query {name}"));
        }
        found.path = found.path.map_text(|text| self.hidden(text, "path"));
        match &mut found.body {
            Body::Form(fields) => {
                for (name, value) in fields {
                    *value = self.named(name, value, &format!("form field {name}"));
                }
            }
            Body::Multipart(parts) => {
                for part in parts {
                    if let Content::Value(value) = &mut part.content {
                        *value = self.named(&part.name, value, &format!("form field {}", part.name));
                    }
                }
            }
            Body::Text(value) | Body::Json(value) => {
                *value = self.body(value);
            }
            Body::None | Body::File(_) => {}
        }
        match &mut found.auth {
            Some(Auth::Basic { password, .. }) => {
                *password = self.whole("PASSWORD", password, "basic authentication");
            }
            Some(Auth::Bearer(token)) => *token = self.whole("TOKEN", token, "bearer authentication"),
            None => {}
        }
    }

    fn header(&mut self, name: &str, value: &Value) -> Value {
        let lower = name.to_ascii_lowercase();
        let used = format!("header {lower}");
        if lower == "authorization" || lower == "proxy-authorization" {
            return self.authorization(value, &used);
        }
        if lower == "cookie" {
            return self.whole("COOKIE", value, &used);
        }
        self.named(name, value, &used)
    }

    /// The scheme stays readable, what follows does not.
    fn authorization(&mut self, value: &Value, used: &str) -> Value {
        let Some(text) = value.literal() else {
            return value.map_text(|text| {
                let is_scheme = text.trim().bytes().all(|byte| byte.is_ascii_alphabetic());
                if is_scheme {
                    Value::text(text)
                } else {
                    self.whole("AUTHORIZATION", &Value::text(text), used)
                }
            });
        };
        match text.split_once(' ') {
            Some((scheme, rest)) => {
                let wish = match scheme.to_ascii_lowercase().as_str() {
                    "bearer" | "token" => "TOKEN",
                    "basic" => "BASIC_CREDENTIALS",
                    _ => "AUTHORIZATION",
                };
                let mut kept = Value::text(format!("{scheme} "));
                kept.append(self.whole(wish, &Value::text(rest.trim()), used));
                kept
            }
            None => self.whole("AUTHORIZATION", value, used),
        }
    }

    /// A value whose name says whether it is a credential.
    fn named(&mut self, name: &str, value: &Value, used: &str) -> Value {
        if is_credential(name) {
            self.whole(&variable(name), value, used)
        } else {
            value.map_text(|text| self.hidden(text, used))
        }
    }

    /// All that is literal in it is the secret.
    fn whole(&mut self, wish: &str, value: &Value, used: &str) -> Value {
        value.map_text(|text| {
            if text.trim().is_empty() {
                return Value::text(text);
            }
            Value::secret(self.keep(wish, text, used))
        })
    }

    /// Credentials that can be told by their looks, wherever they stand.
    fn hidden(&mut self, text: &str, used: &str) -> Value {
        let mut value = Value::default();
        let is_part = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        let mut rest = text;
        while !rest.is_empty() {
            let word_end = rest.find(|c| !is_part(c)).unwrap_or(rest.len());
            let (word, after) = rest.split_at(word_end);
            if looks_secret(word) {
                value.push(Piece::Secret(self.keep("TOKEN", word, used)));
            } else {
                value.push_text(word);
            }
            let gap_end = after.find(is_part).unwrap_or(after.len());
            value.push_text(&after[..gap_end]);
            rest = &after[gap_end..];
        }
        value
    }

    /// Credentials in a body as text. What a template or a reference makes is a mark in it meanwhile, for it may stand
    /// between quotes that belong together.
    fn body(&mut self, value: &Value) -> Value {
        let (mut text, mut made) = (String::new(), Vec::new());
        for piece in value.pieces() {
            match piece {
                Piece::Text(own) => text.push_str(own),
                other => {
                    text.push(MADE);
                    made.push(other.clone());
                }
            }
        }
        let is_pairs =
            text.contains('=') && !text.contains(['"', '{', '<']) && !text.contains(char::is_whitespace);
        let taken = if is_pairs { self.pairs(&text) } else { self.json(&text) };
        let mut made = made.into_iter();
        taken.map_text(|text| {
            let mut whole = Value::default();
            for (n, part) in text.split(MADE).enumerate() {
                if n > 0 {
                    made.next().into_iter().for_each(|piece| whole.push(piece));
                }
                whole.push_text(part);
            }
            whole
        })
    }

    /// Credentials in `name=value&…`.
    fn pairs(&mut self, text: &str) -> Value {
        let mut value = Value::default();
        for (n, pair) in text.split('&').enumerate() {
            value.push_text(if n == 0 { "" } else { "&" });
            match pair.split_once('=') {
                Some((name, content)) if is_credential(name) => {
                    value.push_text(&format!("{name}="));
                    value.append(self.parts(name, content));
                }
                _ => value.append(self.hidden(pair, "body")),
            }
        }
        value
    }

    /// All of `content` but what is made elsewhere is a credential.
    fn parts(&mut self, key: &str, content: &str) -> Value {
        let mut value = Value::default();
        for (n, part) in content.split(MADE).enumerate() {
            value.push_text(if n == 0 { "" } else { MADE_TEXT });
            if !part.is_empty() {
                value.push(Piece::Secret(self.keep(&variable(key), part, &format!("body {key}"))));
            }
        }
        value
    }

    /// Credentials in JSON: the strings of keys that name one. Everything else stays as it was written.
    fn json(&mut self, text: &str) -> Value {
        let mut value = Value::default();
        let (mut rest, mut key) = (text, None::<String>);
        while let Some(quote) = rest.find('"') {
            let between = &rest[..quote];
            let is_value = between.trim() == ":";
            value.append(self.hidden(between, "body"));
            let Some(end) = string_end(&rest[quote..]) else {
                rest = &rest[quote..];
                break;
            };
            let (string, after) = rest[quote..].split_at(end);
            let inner = &string[1..string.len() - 1];
            match key.take().filter(|_| is_value) {
                Some(key) if is_credential(&key) && !inner.is_empty() => {
                    value.push_text("\"");
                    value.append(self.parts(&key, inner));
                    value.push_text("\"");
                }
                _ => value.append(self.hidden(string, "body")),
            }
            key = Some(inner.to_owned());
            rest = after;
        }
        value.append(self.hidden(rest, "body"));
        value
    }
}

/// Where the JSON string ends at whose opening quote `text` begins.
fn string_end(text: &str) -> Option<usize> {
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return Some(at + 1),
            _ => {}
        }
    }
    None
}

/// Whether what goes by this name is a credential.
pub(super) fn is_credential(name: &str) -> bool {
    let plain: String = name.to_ascii_lowercase().chars().filter(char::is_ascii_alphanumeric).collect();
    let contains =
        ["password", "passwd", "passphrase", "secret", "token", "apikey", "accesskey", "privatekey"];
    let is = [
        "auth",
        "authorization",
        "credential",
        "credentials",
        "jwt",
        "key",
        "otp",
        "pass",
        "pin",
        "pwd",
        "session",
        "sessionid",
        "sessid",
        "phpsessid",
        "jsessionid",
        "sid",
        "sig",
        "signature",
        "cookie",
        "setcookie",
        "xauth",
        "xamzsignature",
        "xamzcredential",
        "proxyauthorization",
        "ocpapimsubscriptionkey",
        "cvv",
        "cvc",
    ];
    let is_count = ["maxtokens", "tokens", "tokentype", "granttype", "tokencount"].contains(&plain.as_str());
    !is_count && (contains.iter().any(|part| plain.contains(part)) || is.contains(&plain.as_str()))
}

/// Tokens with a form of their own: JSON web tokens and the prefixes that providers give theirs.
fn looks_secret(word: &str) -> bool {
    let is_jwt = word.starts_with("eyJ") && word.matches('.').count() == 2 && word.len() > 30;
    let prefixes = [
        "sk-",
        "sk_live_",
        "sk_test_",
        "ghp_",
        "gho_",
        "github_pat_",
        "glpat-",
        "xoxb-",
        "xoxp-",
        "AKIA",
        "AIza",
    ];
    is_jwt || (word.len() >= 16 && prefixes.iter().any(|prefix| word.starts_with(prefix)))
}

/// `x-api-key` → `X_API_KEY`, `accessToken` → `ACCESS_TOKEN`.
pub(super) fn variable(name: &str) -> String {
    let mut variable = String::new();
    let mut before_lower = false;
    for c in name.chars() {
        if c.is_ascii_uppercase() && before_lower {
            variable.push('_');
        }
        before_lower = c.is_ascii_lowercase() || c.is_ascii_digit();
        if c.is_ascii_alphanumeric() {
            variable.push(c.to_ascii_uppercase());
        } else if !variable.ends_with('_') && !variable.is_empty() {
            variable.push('_');
        }
    }
    let variable = variable.trim_end_matches('_');
    let begins_well = variable.starts_with(|c: char| c.is_ascii_alphabetic());
    if begins_well {
        variable.to_owned()
    } else {
        format!("SECRET_{variable}").trim_end_matches('_').to_owned()
    }
}

/// Stands for a piece that is made elsewhere; of the private range, which no body holds.
const MADE: char = '\u{e002}';
const MADE_TEXT: &str = "\u{e002}";

#[cfg(test)]
mod tests;
