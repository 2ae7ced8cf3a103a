//! The nearest allowed name to a misspelt one, for error messages ("did you mean …?").

/// The name of `allowed` that `got` most probably meant, or `None` when nothing is close enough.
///
/// Distance is Damerau–Levenshtein without regard to case: swapped neighbours, the commonest slip of the
/// fingers, count once. One edit is forgiven for every three letters, and at least one.
pub(crate) fn nearest<'a>(got: &str, allowed: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if got.len() > LONGEST {
        return None;
    }
    let got = got.to_lowercase();
    let forgiven = (got.chars().count() / 3).max(1);
    allowed
        .into_iter()
        .map(|name| (strsim::damerau_levenshtein(&got, &name.to_lowercase()), name))
        .filter(|(distance, name)| *distance <= forgiven && *distance < name.chars().count())
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// Bytes of the longest word that is compared: the distance costs the product of both lengths.
const LONGEST: usize = 64;

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn slips_of_the_fingers_find_their_name() {
        let allowed = ["timeout", "headers", "http", "tls"];
        for (got, expected, why) in [
            ("timeuot", Some("timeout"), "swapped letters"),
            ("Timeout", Some("timeout"), "wrong case"),
            ("header", Some("headers"), "a missing letter"),
            ("httpp", Some("http"), "a doubled letter"),
            ("ssl", None, "another word altogether"),
            ("", None, "nothing is near to nothing"),
        ] {
            assert_eq!(nearest(got, allowed), expected, "{why}");
        }
        assert_eq!(nearest(&"x".repeat(100_000), allowed), None, "absurdly long words are not compared");
    }
}
