//! Who a request says that it is: basic or bearer authorization, as a header.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use toml::Spanned;

use super::faults::Faults;
use super::written;
use crate::text::Text;

/// The value of an `authorization` header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Auth {
    /// Sent as it is.
    Plain(Text),
    /// `user:password`, to be sent in base64 behind `Basic`.
    Basic(Text),
}

/// What is written, if it is one of the two.
pub(super) fn read(written: Option<&Spanned<written::Auth>>, faults: &mut Faults) -> Option<Auth> {
    let written = written?;
    match (&written.get_ref().basic, &written.get_ref().bearer) {
        (Some(basic), None) => self::basic(basic, faults),
        (None, Some(token)) => {
            faults.text("bearer", token)?;
            Text::read(format!("Bearer {}", token.get_ref())).ok().map(Auth::Plain)
        }
        _ => {
            let help = "write { basic = { user = \"…\", password = \"${env:PW}\" } } or { bearer = \"${env:TOKEN}\" }";
            faults.add(written.span(), "`auth` is neither basic nor bearer, or both", help);
            None
        }
    }
}

fn basic(written: &written::Basic, faults: &mut Faults) -> Option<Auth> {
    let (user, password) = (written.user.as_ref()?, written.password.as_ref()?);
    if user.get_ref().contains(':') && !user.get_ref().contains("${") && !user.get_ref().contains("{{") {
        faults.add(
            user.span(),
            "`user` with a colon",
            "basic authorization ends the user's name at the first colon",
        );
    }
    let (is_user, is_password) = (faults.text("user", user), faults.text("password", password));
    is_user.zip(is_password)?;
    let both = Text::read(format!("{}:{}", user.get_ref(), password.get_ref())).ok()?;
    let encoded = both.literal().map(encoded);
    Some(encoded.map_or(Auth::Basic(both), |value| Auth::Plain(Text::verbatim(value))))
}

/// The header's value for `user:password` (RFC 7617).
#[must_use]
pub(crate) fn encoded(user_and_password: &str) -> String {
    format!("Basic {}", STANDARD.encode(user_and_password))
}
