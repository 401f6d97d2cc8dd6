//! How a secret is named, and one value out of a secret that is a JSON object (CodeBuild user guide, "Buildspec
//! syntax", `env/secrets-manager`).

use penstock_app::port::PortError;
use serde_json::{Map, Value};

/// A secret and which version of it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Reference {
    /// Its name or ARN.
    pub(super) id: String,
    pub(super) stage: Option<String>,
    pub(super) version: Option<String>,
}

impl Reference {
    /// Reads `ID[:json-key[:version-stage[:version-id]]]`: the secret, and the key of the wanted value if it is not the whole.
    pub(super) fn parse(text: &str) -> Result<(Self, Option<String>), PortError> {
        // arn:aws:secretsmanager:REGION:ACCOUNT:secret:NAME
        let of_id = if text.starts_with("arn:") { 7 } else { 1 };
        let mut parts = text.split(':');
        let id = parts.by_ref().take(of_id).collect::<Vec<_>>().join(":");
        let mut next = || parts.next().filter(|part| !part.is_empty()).map(str::to_owned);
        let (key, stage, version) = (next(), next(), next());
        if id.is_empty() || parts.next().is_some() {
            return Err(PortError::permanent(
                "read a secret: it is named ID, or ID:json-key:version-stage:version-id with what is left out empty",
            ));
        }
        Ok((Self { id, stage, version }, key))
    }
}

/// The value under `key`; the message of an error says nothing of the values.
pub(super) fn field(id: &str, secret: &str, key: &str) -> Result<String, PortError> {
    let unusable = |why: &str| PortError::permanent(format!("read `{key}` of the secret `{id}`: {why}"));
    let fields: Map<String, Value> =
        serde_json::from_str(secret).map_err(|_| unusable("the secret is not a JSON object"))?;
    match fields.get(key) {
        None => Err(unusable("the secret has no such key")),
        Some(Value::String(text)) => Ok(text.clone()),
        Some(other) => Ok(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> (String, Option<String>, Option<String>, Option<String>) {
        let (Reference { id, stage, version }, key) = Reference::parse(text).expect(text);
        (id, key, stage, version)
    }

    #[test]
    fn names_and_arns_are_told_from_what_follows_them() {
        let text = |text: &str| Some(text.to_owned());
        let arn = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:web/token-a1b2c3";
        assert_eq!(parsed("web/token"), ("web/token".to_owned(), None, None, None));
        assert_eq!(parsed("web:user"), ("web".to_owned(), text("user"), None, None));
        assert_eq!(parsed("web::AWSPREVIOUS"), ("web".to_owned(), None, text("AWSPREVIOUS"), None));
        assert_eq!(parsed("web:user::v1"), ("web".to_owned(), text("user"), None, text("v1")));
        assert_eq!(parsed(arn), (arn.to_owned(), None, None, None));
        assert_eq!(parsed(&format!("{arn}:user")), (arn.to_owned(), text("user"), None, None));
        for wrong in ["", ":user", "a:b:c:d:e"] {
            assert!(!Reference::parse(wrong).expect_err(wrong).retryable);
        }
    }

    #[test]
    fn a_field_is_text_and_its_errors_hide_the_values() {
        let secret = r#"{"user": "ada", "port": 5432, "tls": true}"#;
        assert_eq!(field("db", secret, "user").as_deref(), Ok("ada"));
        assert_eq!(field("db", secret, "port").as_deref(), Ok("5432"));
        for (secret, key) in [(secret, "password"), ("hunter2", "user"), (r#"["hunter2"]"#, "user")] {
            let error = field("db", secret, key).expect_err(key).message;
            assert!(!error.contains("ada") && !error.contains("hunter2"), "{error}");
        }
    }
}
