//! In which form a scraper wants what it scrapes, by the `Accept` of its request (RFC 9110, 12.5.1).

/// How an exposition is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// The text form of OpenMetrics 1.0: with classic histograms alone.
    Text,
    /// Prometheus' messages, each behind its length: histograms are native too.
    Protobuf,
}

impl Form {
    /// What these header values prefer: of equals what stands first, and text where nothing of ours is asked for.
    pub fn wanted<'a>(accept: impl IntoIterator<Item = &'a str>) -> Self {
        let ranges = accept.into_iter().flat_map(|value| value.split(','));
        let mut best = (Self::Text, 0.0);
        for (form, weight) in ranges.filter_map(of_range) {
            if weight > best.1 {
                best = (form, weight);
            }
        }
        best.0
    }

    /// Its media type.
    #[must_use]
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Text => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Protobuf => {
                "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited"
            }
        }
    }
}

/// The form that a media range asks for, if it is one of ours, and how much, from 0 (not at all) to 1.
fn of_range(range: &str) -> Option<(Form, f64)> {
    let mut parts = range.split(';').map(str::trim);
    let kind = parts.next()?.to_ascii_lowercase();
    let (mut weight, mut message, mut framed) = (1.0, false, false);
    for (name, value) in parts.filter_map(|part| part.split_once('=')) {
        let value = value.trim().trim_matches('"');
        match name.trim().to_ascii_lowercase().as_str() {
            // What is no weight asks for nothing.
            "q" => weight = value.parse().unwrap_or(0.0),
            "proto" => message = value == "io.prometheus.client.MetricFamily",
            "encoding" => framed = value.eq_ignore_ascii_case("delimited"),
            _ => (),
        }
    }
    let form = match kind.as_str() {
        "application/vnd.google.protobuf" if message && framed => Form::Protobuf,
        "application/openmetrics-text" | "text/plain" | "text/*" | "application/*" | "*/*" => Form::Text,
        _ => return None,
    };
    Some((form, weight))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scraper_gets_what_it_prefers() {
        let asked =
            "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited";
        let less = format!("{asked};q=0.6,application/openmetrics-text;version=1.0.0;q=0.5,*/*;q=0.1");
        let more = format!("{asked};q=0.4,application/openmetrics-text;version=1.0.0;q=0.5,*/*;q=0.1");
        let native = format!("{asked},application/openmetrics-text;version=1.0.0;q=0.8,*/*;q=0.1");
        let quoted =
            asked.replace("io.prometheus.client.MetricFamily", "\"io.prometheus.client.MetricFamily\"");
        let (refused, nothing) = (format!("{asked};q=0"), format!("{asked};q=much"));
        let (first, second) = (format!("{asked},text/plain"), format!("text/plain,{asked}"));
        for (accept, form, why) in [
            (&[][..], Form::Text, "nothing is said"),
            (&["*/*"], Form::Text, "anything will do"),
            (&["text/html,*/*;q=0.8"], Form::Text, "a browser"),
            (&["application/openmetrics-text;version=1.0.0,text/plain;q=0.5"], Form::Text, "Prometheus"),
            (&[native.as_str()], Form::Protobuf, "Prometheus 2.42 with native histograms"),
            (&[less.as_str()], Form::Protobuf, "Prometheus 3 with native histograms"),
            (&[more.as_str()], Form::Text, "text is liked better"),
            (&[first.as_str()], Form::Protobuf, "equals: the first one"),
            (&[second.as_str()], Form::Text, "equals: the first one"),
            (&["text/plain;q=0.5", asked], Form::Protobuf, "in two headers"),
            (&[quoted.as_str()], Form::Protobuf, "with quotes"),
            (
                &[
                    "APPLICATION/vnd.google.protobuf ; Proto=io.prometheus.client.MetricFamily ; ENCODING=Delimited",
                ],
                Form::Protobuf,
                "in capitals",
            ),
            (&["application/vnd.google.protobuf"], Form::Text, "messages of nobody"),
            (
                &["application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=text"],
                Form::Text,
                "messages in another frame",
            ),
            (&[refused.as_str()], Form::Text, "not at all"),
            (&[nothing.as_str()], Form::Text, "not in numbers"),
        ] {
            assert_eq!(Form::wanted(accept.iter().copied()), form, "{why}");
        }
    }
}
