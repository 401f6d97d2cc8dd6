//! How a value is named: by a secret's name or ARN, as in a buildspec (CodeBuild user guide, "Buildspec syntax",
//! `env/secrets-manager`), or by a parameter's ARN (Systems Manager API reference, `GetParameter`); and one value out of a
//! secret that is a JSON object.
//!
//! A parameter is known by its ARN alone: its name might be a secret's. What stands behind the ARN is a version or a label,
//! as `GetParameter` has it; a key of a JSON object would look the same, so a parameter is always read whole.

use penstock_app::port::PortError;
use serde_json::{Map, Value};

/// Where a value is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Reference {
    /// In Secrets Manager.
    Secret(Version),
    /// In Parameter Store, by its ARN, with `:version` or `:label` behind it.
    Parameter(String),
}

/// A secret and which version of it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Version {
    /// The secret's name or ARN.
    pub(super) id: String,
    pub(super) stage: Option<String>,
    pub(super) version: Option<String>,
}

impl Reference {
    /// Reads an ARN or a secret's name; and the key of the wanted value if it is not the whole.
    pub(super) fn parse(text: &str) -> Result<(Self, Option<String>), PortError> {
        match text.strip_prefix("arn:").map(|rest| rest.split(':').nth(1).unwrap_or_default()) {
            None | Some("secretsmanager") => Self::secret(text),
            Some("ssm") => Ok((Self::parameter(text)?, None)),
            Some(_) => Err(PortError::permanent(format!(
                "read a secret: `{text}` is the ARN of neither a secret of Secrets Manager nor a parameter of SSM; give one of those"
            ))),
        }
    }

    /// `ID[:json-key[:version-stage[:version-id]]]`
    fn secret(text: &str) -> Result<(Self, Option<String>), PortError> {
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
        Ok((Self::Secret(Version { id, stage, version }), key))
    }

    /// `arn:PARTITION:ssm:REGION:ACCOUNT:parameter/NAME[:VERSION-OR-LABEL]`
    fn parameter(arn: &str) -> Result<Self, PortError> {
        let parts: Vec<&str> = arn.split(':').collect();
        let name = parts.get(5).and_then(|resource| resource.strip_prefix("parameter/"));
        let is_whole = name.is_some_and(|name| !name.is_empty()) && parts.iter().all(|part| !part.is_empty());
        if !is_whole || parts.len() > 7 {
            return Err(PortError::permanent(format!(
                "read a parameter: `{arn}` is not arn:PARTITION:ssm:REGION:ACCOUNT:parameter/NAME, with at most :VERSION or :LABEL behind it; a JSON key cannot be named"
            )));
        }
        Ok(Self::Parameter(arn.to_owned()))
    }

    /// The name or ARN.
    pub(super) fn id(&self) -> &str {
        match self {
            Self::Secret(version) => &version.id,
            Self::Parameter(arn) => arn,
        }
    }

    /// A client asks one region, where what lies in another is not found or, by chance, something else.
    pub(super) fn refuse_outside(&self, region: &str) -> Result<(), PortError> {
        let other = self.id().strip_prefix("arn:").and_then(|rest| rest.split(':').nth(2));
        match other.filter(|other| *other != region) {
            None => Ok(()),
            Some(other) => Err(PortError::permanent(format!(
                "read `{}`: it lies in the region `{other}`, and only what lies in {region} is read; store it there too",
                self.id()
            ))),
        }
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
        match Reference::parse(text).expect(text) {
            (Reference::Secret(Version { id, stage, version }), key) => (id, key, stage, version),
            (Reference::Parameter(arn), _) => panic!("{arn} is no secret"),
        }
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
    fn a_parameter_is_known_by_its_arn_and_has_a_version_or_label_at_most() {
        for arn in [
            "arn:aws:ssm:eu-central-1:123456789012:parameter/penstock/github-token",
            "arn:aws-cn:ssm:cn-north-1:123456789012:parameter/token",
            "arn:aws:ssm:eu-central-1:123456789012:parameter/token:3",
            "arn:aws:ssm:eu-central-1:123456789012:parameter/token:current",
        ] {
            assert_eq!(Reference::parse(arn), Ok((Reference::Parameter(arn.to_owned()), None)));
        }
        // A name alone is a secret's, though a parameter might have it.
        assert_eq!(parsed("/penstock/github-token").0, "/penstock/github-token");
        for wrong in [
            "arn:aws:ssm:eu-central-1:123456789012:parameter/",
            "arn:aws:ssm:eu-central-1:123456789012:parameter",
            "arn:aws:ssm:eu-central-1:123456789012:document/token",
            "arn:aws:ssm:eu-central-1:123456789012:parameter/token:",
            "arn:aws:ssm:eu-central-1:123456789012:parameter/token:key:3",
            "arn:aws:ssm:::parameter/token",
            "arn:aws:ssm",
        ] {
            let error = Reference::parse(wrong).expect_err(wrong);
            assert!(!error.retryable && error.message.contains("parameter/NAME"), "{error}");
        }
        for foreign in ["arn:aws:s3:::bucket/token", "arn:", "arn:aws"] {
            let error = Reference::parse(foreign).expect_err(foreign);
            assert!(!error.retryable && error.message.contains("neither a secret"), "{error}");
        }
    }

    #[test]
    fn what_lies_in_another_region_is_refused() {
        let refused = |text: &str| {
            let (reference, _) = Reference::parse(text).expect(text);
            reference.refuse_outside("eu-central-1").err().map(|error| (error.retryable, error.message))
        };
        for here in [
            "web/token",
            "arn:aws:secretsmanager:eu-central-1:123456789012:secret:token-a1b2c3:key",
            "arn:aws:ssm:eu-central-1:123456789012:parameter/token",
        ] {
            assert_eq!(refused(here), None);
        }
        for there in [
            "arn:aws:secretsmanager:us-east-1:123456789012:secret:token-a1b2c3",
            "arn:aws:ssm:us-east-1:123456789012:parameter/token:3",
        ] {
            let (retryable, message) = refused(there).expect(there);
            assert!(!retryable && message.contains(there), "{message}");
            assert!(message.contains("`us-east-1`") && message.contains("in eu-central-1"), "{message}");
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
