//! Where a redirect leads, and what goes along (RFC 9110, 15.4).

use reqwest::header::{
    AUTHORIZATION, CONTENT_ENCODING, CONTENT_LANGUAGE, CONTENT_LOCATION, CONTENT_TYPE, COOKIE, HeaderMap,
    HeaderName, LOCATION,
};
use reqwest::{Method, Request, StatusCode, Url};

/// The request that follows an answer with this status and these headers; `None` when it is no redirect.
pub(super) fn follow(request: &Request, status: StatusCode, headers: &HeaderMap) -> Option<Request> {
    let location = headers.get(LOCATION).and_then(|value| value.to_str().ok())?;
    let url = request.url().join(location).ok().filter(|url| matches!(url.scheme(), "http" | "https"))?;
    let mut next = request.try_clone()?;
    let becomes_get = match status {
        StatusCode::MOVED_PERMANENTLY | StatusCode::FOUND => request.method() == Method::POST,
        StatusCode::SEE_OTHER => request.method() != Method::HEAD && request.method() != Method::GET,
        StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT => false,
        _ => return None,
    };
    if becomes_get {
        *next.method_mut() = Method::GET;
        *next.body_mut() = None;
        ABOUT_BODIES.iter().for_each(|name| drop(next.headers_mut().remove(name)));
    }
    if !is_same_place(request.url(), &url) {
        // Who we are is the first place's to know; what it is called too.
        for name in [AUTHORIZATION, COOKIE, reqwest::header::HOST] {
            next.headers_mut().remove(name);
        }
    }
    *next.url_mut() = url;
    Some(next)
}

fn is_same_place(one: &Url, other: &Url) -> bool {
    let place = |url: &Url| (url.host_str().map(str::to_owned), url.port_or_known_default());
    // From plain to encrypted on the same host's default ports is the same place, but never the way back.
    let is_upgrade = one.scheme() == "http" && other.scheme() == "https";
    one.host_str() == other.host_str()
        && (place(one) == place(other) && one.scheme() == other.scheme() || is_upgrade)
}

const ABOUT_BODIES: [HeaderName; 4] = [CONTENT_ENCODING, CONTENT_LANGUAGE, CONTENT_LOCATION, CONTENT_TYPE];

#[cfg(test)]
mod tests {
    use super::*;

    fn followed(method: Method, status: u16, location: &str) -> Option<Request> {
        let mut request = Request::new(method, Url::parse("http://a:8080/x/y?z").unwrap());
        *request.body_mut() = Some("body".into());
        for (name, value) in [("authorization", "Bearer t"), ("content-type", "text/plain"), ("x-own", "1")] {
            request.headers_mut().insert(name, value.parse().unwrap());
        }
        let mut headers = HeaderMap::new();
        headers.insert(LOCATION, location.parse().unwrap());
        follow(&request, StatusCode::from_u16(status).unwrap(), &headers)
    }

    #[test]
    fn a_redirect_leads_where_its_answer_says() {
        for (method, status, location, expected, why) in [
            (Method::GET, 302, "/b", Some("GET http://a:8080/b"), "a path"),
            (Method::GET, 301, "b?c", Some("GET http://a:8080/x/b?c"), "beside the request's"),
            (Method::GET, 307, "//c/d", Some("GET http://c/d"), "another host"),
            (Method::GET, 308, "https://a/", Some("GET https://a/"), "encrypted"),
            (Method::POST, 302, "/b", Some("GET http://a:8080/b"), "what was posted is not posted again"),
            (Method::POST, 303, "/b", Some("GET http://a:8080/b"), "see other"),
            (Method::PUT, 302, "/b", Some("PUT http://a:8080/b body"), "only POST changes"),
            (Method::POST, 307, "/b", Some("POST http://a:8080/b body"), "as it was"),
            (Method::HEAD, 303, "/b", Some("HEAD http://a:8080/b body"), "HEAD stays"),
            (Method::GET, 304, "/b", None, "not modified is no redirect"),
            (Method::GET, 200, "/b", None, "nor is what came"),
            (Method::GET, 302, "ftp://a/b", None, "another protocol"),
            (Method::GET, 302, "http://", None, "nowhere"),
        ] {
            let body = |request: &Request| {
                if request.body().is_some() && request.method() != Method::GET { " body" } else { "" }
            };
            let got = followed(method, status, location)
                .map(|next| format!("{} {}{}", next.method(), next.url(), body(&next)));
            assert_eq!(got.as_deref(), expected, "{why}");
        }
    }

    #[test]
    fn who_we_are_stays_with_the_first_place() {
        let names = |location: &str| {
            let next = followed(Method::POST, 302, location).unwrap();
            let mut names: Vec<String> = next.headers().keys().map(ToString::to_string).collect();
            names.sort();
            names.join(" ")
        };
        assert_eq!(names("/b"), "authorization x-own");
        assert_eq!(names("http://a:8081/b"), "x-own", "another port is another place");
        assert_eq!(names("https://a/b"), "authorization x-own", "an upgrade");
        assert_eq!(names("http://b:8080/"), "x-own");
    }
}
