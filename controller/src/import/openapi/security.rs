//! How an operation's caller says who it is: always by reference.

use super::{Json, Secrets};
use crate::import::found::{Auth, Found};
use crate::import::notes::Notes;
use crate::import::secrets::variable;
use crate::import::value::{Piece, Value};

/// Adds what the first alternative of the operation's security asks for.
pub(super) fn apply(
    document: &Json,
    operation: &Json,
    found: &mut Found,
    (secrets, notes): (&mut Secrets, &mut Notes),
) {
    let required = operation.get("security").or_else(|| document.get("security")).and_then(Json::as_array);
    let Some(first) = required.and_then(|all| all.first()).and_then(Json::as_object) else { return };
    for name in first.keys() {
        let pointer = format!("/components/securitySchemes/{}", name.replace('~', "~0").replace('/', "~1"));
        let Some(scheme) = document.pointer(&pointer) else {
            notes.left_out(format!("the security scheme {name}, which is not described"), &found.place);
            continue;
        };
        let text =
            |key: &str| scheme.get(key).and_then(Json::as_str).unwrap_or_default().to_ascii_lowercase();
        let mut secret = |variable: &str| {
            secrets.refer(variable, &format!("security scheme {name}"));
            Value::secret(variable)
        };
        match (&*text("type"), &*text("scheme"), &*text("in")) {
            ("http", "basic", _) => {
                let (user, password) = (secret("API_USER"), secret("API_PASSWORD"));
                found.auth = Some(Auth::Basic { user, password });
            }
            ("http", "bearer", _) | ("oauth2" | "openidconnect", ..) => {
                found.auth = Some(Auth::Bearer(secret("API_TOKEN")));
            }
            ("apikey", _, place) => {
                let own = scheme.get("name").and_then(Json::as_str).unwrap_or("api-key").to_owned();
                let value = secret(&variable(&own));
                match place {
                    "query" => found.query.push((own, value)),
                    "cookie" => {
                        let mut cookie = Value::text(format!("{own}="));
                        value.pieces().iter().for_each(|piece: &Piece| cookie.push(piece.clone()));
                        found.headers.push(("cookie".into(), cookie));
                    }
                    _ => found.headers.push((own, value)),
                }
            }
            ("mutualtls", ..) => {
                notes.look_at("mutual TLS: see target.tls.cert and target.tls.key", &found.place)
            }
            _ => notes.left_out(format!("the security scheme {name}"), &found.place),
        }
    }
}
