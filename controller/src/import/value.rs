//! A text of the plan in the making: what stands there as it is, what a template makes, what a secret fills.

/// A text in pieces; literal pieces never follow each other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Value(Vec<Piece>);

/// A piece of a [`Value`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// Sent as it is.
    Text(String),
    /// A template's expression, without its braces.
    Expression(String),
    /// The name of an environment variable on the agents.
    Secret(String),
}

impl Value {
    /// A text that is sent as it is.
    pub(super) fn text(text: impl Into<String>) -> Self {
        let mut value = Self::default();
        value.push(Piece::Text(text.into()));
        value
    }

    /// What a template's expression makes.
    pub(super) fn expression(expression: impl Into<String>) -> Self {
        Self(vec![Piece::Expression(expression.into())])
    }

    /// What the agents' environment holds.
    pub(super) fn secret(name: impl Into<String>) -> Self {
        Self(vec![Piece::Secret(name.into())])
    }

    pub(super) fn push(&mut self, piece: Piece) {
        match (self.0.last_mut(), piece) {
            (_, Piece::Text(more)) if more.is_empty() => {}
            (Some(Piece::Text(text)), Piece::Text(more)) => text.push_str(&more),
            (_, piece) => self.0.push(piece),
        }
    }

    pub(super) fn push_text(&mut self, text: &str) {
        self.push(Piece::Text(text.to_owned()));
    }

    pub(super) fn append(&mut self, other: Self) {
        other.0.into_iter().for_each(|piece| self.push(piece));
    }

    pub(super) fn pieces(&self) -> &[Piece] {
        &self.0
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The text, if it is sent as it is.
    pub(super) fn literal(&self) -> Option<&str> {
        match self.0.as_slice() {
            [] => Some(""),
            [Piece::Text(text)] => Some(text),
            _ => None,
        }
    }

    /// The same with every literal piece changed.
    pub(super) fn map_text(&self, mut change: impl FnMut(&str) -> Self) -> Self {
        let mut value = Self::default();
        for piece in &self.0 {
            match piece {
                Piece::Text(text) => value.append(change(text)),
                other => value.push(other.clone()),
            }
        }
        value
    }

    /// As it stands in a plan. What looks like a template or a reference there and is none is kept from being one.
    pub(super) fn to_plan(&self) -> String {
        let is_template = |piece: &Piece| match piece {
            Piece::Expression(_) => true,
            Piece::Text(text) => ["{{", "{%", "{#", "${"].iter().any(|mark| text.contains(mark)),
            Piece::Secret(_) => false,
        };
        let escapes = self.0.iter().any(is_template);
        let mut plan = String::new();
        for (n, piece) in self.0.iter().enumerate() {
            match piece {
                Piece::Text(text) if escapes => {
                    let before_expression = matches!(self.0.get(n + 1), Some(Piece::Expression(_)));
                    escape(text, before_expression, &mut plan);
                }
                Piece::Text(text) => plan.push_str(text),
                Piece::Expression(expression) => plan.push_str(&format!("{{{{ {expression} }}}}")),
                Piece::Secret(name) => plan.push_str(&format!("${{env:{name}}}")),
            }
        }
        plan
    }
}

/// A name of a variable as templates know it.
pub(super) fn identifier(name: &str) -> String {
    let plain: String = name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    if plain.starts_with(|c: char| c.is_ascii_alphabetic()) { plain } else { format!("v_{plain}") }
}

/// Writes `text` so that a template renders it as it is.
fn escape(text: &str, before_expression: bool, plan: &mut String) {
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let mark = ["{{", "{%", "{#", "${"].into_iter().find(|mark| rest.starts_with(mark));
        let brace_at_end = before_expression && rest == "{";
        let taken = match mark {
            Some("${") => {
                plan.push_str("{{ '$' }}");
                1
            }
            Some(mark) => {
                plan.push_str(&format!("{{{{ '{mark}' }}}}"));
                mark.len()
            }
            None if brace_at_end => {
                plan.push_str("{{ '{' }}");
                1
            }
            None => {
                plan.push(first);
                first.len_utf8()
            }
        };
        rest = &rest[taken..];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_looks_like_a_template_and_is_none_is_kept_from_being_one() {
        let expression = || Piece::Expression("uuid()".into());
        for (pieces, expected, why) in [
            (vec![Piece::Text("a { b } $c".into())], "a { b } $c", "nothing to do"),
            (vec![Piece::Text("{{x}}".into())], "{{ '{{' }}x}}", "a template of somebody else"),
            (vec![Piece::Text("{% if %}".into())], "{{ '{%' }} if %}", "a statement"),
            (vec![Piece::Text("{# c".into())], "{{ '{#' }} c", "a comment"),
            (vec![Piece::Text("{#".into()), expression()], "{{ '{#' }}{{ uuid() }}", "in a template"),
            (
                vec![Piece::Text("a{".into()), expression()],
                "a{{ '{' }}{{ uuid() }}",
                "a brace that would join",
            ),
            (vec![Piece::Text("{{{{%".into())], "{{ '{{' }}{{ '{{' }}%", "braces in a row"),
            (vec![Piece::Text("${env:HOME}".into())], "{{ '$' }}{env:HOME}", "a reference of somebody else"),
            (
                vec![Piece::Text("Bearer ".into()), Piece::Secret("TOKEN".into())],
                "Bearer ${env:TOKEN}",
                "a reference of ours",
            ),
        ] {
            let mut value = Value::default();
            pieces.into_iter().for_each(|piece| value.push(piece));
            assert_eq!(value.to_plan(), expected, "{why}");
        }
    }
}
