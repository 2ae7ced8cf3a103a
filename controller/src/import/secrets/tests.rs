use super::*;

fn found(headers: &[(&str, &str)], query: &[(&str, &str)], body: Body) -> Found {
    let own = |(name, value): &(&str, &str)| ((*name).to_owned(), Value::text(*value));
    Found {
        path: Value::text("/a"),
        headers: headers.iter().map(own).collect(),
        query: query.iter().map(own).collect(),
        body,
        ..Found::default()
    }
}

#[test]
fn credentials_become_references_and_nothing_else_does() {
    let mut secrets = Secrets::default();
    let jwt = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w";
    let body = format!(r#"{{"user": "ann", "password": "hun\"ter2", "note": "password", "t": "{jwt}"}}"#);
    let mut found = found(
        &[("Authorization", "Bearer abc"), ("accept", "*/*"), ("X-Api-Key", "k1"), ("cookie", "a=b; c=d")],
        &[("page", "2"), ("access_token", "zzz"), ("max_tokens", "5")],
        Body::Json(Value::text(body)),
    );
    secrets.take(&mut found);
    let plans: Vec<String> = found.headers.iter().map(|(_, value)| value.to_plan()).collect();
    assert_eq!(plans, ["Bearer ${env:TOKEN}", "*/*", "${env:X_API_KEY}", "${env:COOKIE}"]);
    let plans: Vec<String> = found.query.iter().map(|(_, value)| value.to_plan()).collect();
    assert_eq!(plans, ["2", "${env:ACCESS_TOKEN}", "5"]);
    let Body::Json(body) = &found.body else { panic!() };
    assert_eq!(
        body.to_plan(),
        r#"{"user": "ann", "password": "${env:PASSWORD}", "note": "password", "t": "${env:TOKEN_2}"}"#
    );
    let names: Vec<String> = secrets.list().into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["ACCESS_TOKEN", "COOKIE", "PASSWORD", "TOKEN", "TOKEN_2", "X_API_KEY"]);
}

#[test]
fn credentials_between_templates_and_in_plain_pairs_are_found() {
    let mut secrets = Secrets::default();
    let mut body = Value::text("{\"user\": \"");
    body.push(Piece::Expression("user".into()));
    body.push_text("\", \"password\": \"hunter2\", \"id\": \"");
    body.push(Piece::Expression("uuid()".into()));
    body.push_text("\", \"token\": \"");
    body.push(Piece::Expression("token".into()));
    body.push_text("\"}");
    for (body, expected) in [
        (
            body,
            "{\"user\": \"{{ user }}\", \"password\": \"${env:PASSWORD}\", \"id\": \"{{ uuid() }}\", \
             \"token\": \"{{ token }}\"}",
        ),
        (Value::text("a=1&password=hunter2&a=2"), "a=1&password=${env:PASSWORD}&a=2"),
    ] {
        let mut found = found(&[], &[], Body::Text(body));
        secrets.take(&mut found);
        let Body::Text(body) = &found.body else { panic!() };
        assert_eq!(body.to_plan(), expected);
    }
}

#[test]
fn the_same_credential_has_one_name() {
    let mut secrets = Secrets::default();
    for _ in 0..2 {
        secrets.take(&mut found(&[("authorization", "Bearer abc")], &[], Body::None));
    }
    secrets.take(&mut found(&[("authorization", "Bearer xyz")], &[], Body::None));
    let list = secrets.list();
    assert_eq!(list[0], ("TOKEN".to_owned(), "header authorization, 2 times".to_owned()));
    assert_eq!(list[1], ("TOKEN_2".to_owned(), "header authorization".to_owned()));
}

#[test]
fn variables_are_named_like_variables() {
    for (name, expected) in [
        ("x-api-key", "X_API_KEY"),
        ("accessToken", "ACCESS_TOKEN"),
        ("user[password]", "USER_PASSWORD"),
        ("_token", "TOKEN"),
        ("2fa-token", "SECRET_2FA_TOKEN"),
        ("--", "SECRET"),
    ] {
        assert_eq!(variable(name), expected);
    }
}
