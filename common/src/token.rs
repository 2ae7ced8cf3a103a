//! The token with which agents and controller know each other: a line in a file.

use std::path::Path;

/// The token in what was read from `path`.
///
/// The error names the file, what is wrong with it and what would be right.
pub fn read(path: &Path, content: std::io::Result<String>) -> Result<String, String> {
    let name = path.display();
    let content = content.map_err(|error| format!("read token file {name}: {error}"))?;
    let token = content.trim();
    if token.len() < LENGTH_MIN {
        return Err(format!(
            "token file {name} holds {} characters, at least {LENGTH_MIN} are needed: make one with `controller \
             token > {name}`",
            token.len()
        ));
    }
    if !token.chars().all(|c| c.is_ascii_graphic()) {
        return Err(format!("token file {name} must hold one line of printable ASCII without spaces"));
    }
    Ok(token.to_owned())
}

/// 16 characters: nobody guesses them over a network.
const LENGTH_MIN: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_one_long_line() {
        let read = |content: &str| read(Path::new("t"), Ok(content.into()));
        assert_eq!(read("0123456789abcdef\n"), Ok("0123456789abcdef".into()));
        for (what, content) in [("empty", ""), ("short", "abc"), ("two words", "0123456789 abcdef0123")] {
            assert!(read(content).is_err_and(|why| why.contains("token file t")), "{what}");
        }
    }
}
