//! What an object is, by its key: only what we wrote is ever given up.

use penstock_model::artifact::PREFIX;
use penstock_model::id::PipelineName;

/// What an object is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind<'a> {
    /// `artifacts/pipeline/token/…`: the output of an attempt.
    Artifact {
        /// The pipeline.
        pipeline: PipelineName,
        /// The attempt's token.
        attempt: &'a str,
    },
    /// `logs/token.log`, `deliveries/digest.json`: kept for a time.
    Record,
    /// Something else.
    Foreign,
}

impl<'a> Kind<'a> {
    pub(super) fn of(key: &'a str) -> Self {
        key.strip_prefix(PREFIX).and_then(Self::artifact).unwrap_or_else(|| Self::record(key))
    }

    fn artifact(key: &'a str) -> Option<Self> {
        let (pipeline, rest) = key.split_once('/')?;
        let (attempt, file) = rest.split_once('/')?;
        let pipeline = PipelineName::new(pipeline).ok().filter(|_| is_token(attempt) && !file.is_empty())?;
        Some(Self::Artifact { pipeline, attempt })
    }

    fn record(key: &str) -> Self {
        let parts: Vec<&str> = key.split('/').collect();
        match parts[..] {
            ["logs", file] if file.strip_suffix(".log").is_some_and(is_token) => Self::Record,
            ["deliveries", file] if file.strip_suffix(".json").is_some_and(|it| is_hex(it, 64)) => {
                Self::Record
            }
            _ => Self::Foreign,
        }
    }
}

/// See [`penstock_model::id::AttemptId::token`].
fn is_token(text: &str) -> bool {
    text.strip_prefix("p-").is_some_and(|digits| is_hex(digits, 40))
}

fn is_hex(text: &str, digits: usize) -> bool {
    text.len() == digits && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_we_write_is_known() {
        let token = format!("p-{}", "0a".repeat(20));
        let of = |key: &str| match Kind::of(key) {
            Kind::Artifact { pipeline, attempt } => format!("{pipeline} {}", attempt == token),
            Kind::Record => "record".to_owned(),
            Kind::Foreign => "foreign".to_owned(),
        };
        assert_eq!(of(&format!("artifacts/web/{token}/site.zip")), "web true");
        assert_eq!(of(&format!("artifacts/web/{token}/build/site.zip")), "web true");
        assert_eq!(
            of(&format!("artifacts/logs/{token}/site.zip")),
            "logs true",
            "a pipeline may be called so"
        );
        assert_eq!(of(&format!("logs/{token}.log")), "record");
        assert_eq!(of(&format!("deliveries/{}.json", "ab".repeat(32))), "record");
        let foreign = ["web/site.zip", "site.zip", "logs/today.log", "a b/p-0/x", "deliveries/x.json", ""];
        let (bare, logs) = (format!("web/{token}/site.zip"), format!("logs/{token}/site.zip"));
        for key in foreign.into_iter().chain([token.as_str(), &bare, &logs]) {
            assert_eq!(of(key), "foreign", "{key}");
        }
    }
}
