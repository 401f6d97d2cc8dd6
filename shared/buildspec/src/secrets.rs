//! The port through which a build gets parameters and secrets, and how a buildspec refers to them.

use std::fmt;

use async_trait::async_trait;

/// Where parameters and secrets come from.
#[async_trait]
pub trait Secrets: Send + Sync {
    /// The value of a Systems Manager parameter, decrypted.
    async fn parameter(&self, name: &str) -> Result<String, SecretError>;

    /// The value that `reference` names: the secret's whole text, or one key of it ([`SecretReference::pick`]).
    async fn secret(&self, reference: &SecretReference) -> Result<String, SecretError>;
}

/// Why a parameter or a secret could not be had. The text must not hold the value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SecretError(pub String);

/// For builds that may read none: every look-up fails.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoSecrets;

#[async_trait]
impl Secrets for NoSecrets {
    async fn parameter(&self, name: &str) -> Result<String, SecretError> {
        Err(SecretError(format!("no parameter store is configured, so parameter `{name}` cannot be read")))
    }

    async fn secret(&self, reference: &SecretReference) -> Result<String, SecretError> {
        Err(SecretError(format!("no secrets manager is configured, so secret `{reference}` cannot be read")))
    }
}

/// `secret-id:json-key:version-stage:version-id` of a buildspec's `env.secrets-manager`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SecretReference {
    /// The secret's name or ARN.
    pub secret_id: String,
    /// The key of the secret's JSON; without it the whole text is meant.
    pub json_key: Option<String>,
    /// The staging label; `AWSCURRENT` if neither it nor `version_id` is given.
    pub version_stage: Option<String>,
    /// The version's id.
    pub version_id: Option<String>,
}

impl SecretReference {
    /// Reads the colon-separated form. An ARN's own colons belong to the secret's id.
    ///
    /// # Errors
    /// Says what is wrong and what is expected.
    pub fn parse(text: &str) -> Result<Self, String> {
        let own_fields = if text.starts_with("arn:") { 7 } else { 1 };
        let fields: Vec<&str> = text.split(':').collect();
        if fields.len() < own_fields {
            return Err(format!("`{text}` is not the whole ARN of a secret, which has 7 fields"));
        }
        let (id, rest) = fields.split_at(own_fields);
        let secret_id = id.join(":");
        if secret_id.trim().is_empty() {
            return Err(
                "the secret's id is missing; write `secret-id:json-key:version-stage:version-id`".into()
            );
        }
        if rest.len() > 3 {
            return Err(format!(
                "`{text}` has too many fields; write `secret-id:json-key:version-stage:version-id`"
            ));
        }
        let field =
            |index: usize| rest.get(index).filter(|field| !field.is_empty()).map(|field| (*field).to_owned());
        let reference = Self { secret_id, json_key: field(0), version_stage: field(1), version_id: field(2) };
        if reference.version_stage.is_some() && reference.version_id.is_some() {
            return Err(format!("`{text}` names a version stage and a version id; keep one of them"));
        }
        Ok(reference)
    }

    /// Takes what `json_key` asks for out of a secret's text.
    ///
    /// # Errors
    /// If the text is no JSON object or has no such key.
    pub fn pick(&self, text: &str) -> Result<String, SecretError> {
        let Some(key) = &self.json_key else {
            return Ok(text.to_owned());
        };
        let object: serde_json::Value = serde_json::from_str(text).map_err(|_| {
            SecretError(format!("secret `{}` is not JSON, so it has no key `{key}`", self.secret_id))
        })?;
        match object.get(key) {
            Some(serde_json::Value::String(value)) => Ok(value.clone()),
            Some(value) => Ok(value.to_string()),
            None => Err(SecretError(format!("secret `{}` has no key `{key}`", self.secret_id))),
        }
    }
}

impl fmt::Display for SecretReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.secret_id)?;
        self.json_key.as_ref().map_or(Ok(()), |key| write!(f, ":{key}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arn_keeps_its_colons() {
        let arn = "arn:aws:secretsmanager:us-east-1:111122223333:secret:db-AbC123";
        let whole = SecretReference::parse(arn).unwrap();
        assert_eq!((whole.secret_id.as_str(), whole.json_key), (arn, None));
        let part = SecretReference::parse(&format!("{arn}:user::v1")).unwrap();
        assert_eq!((part.json_key.as_deref(), part.version_id.as_deref()), (Some("user"), Some("v1")));
    }

    #[test]
    fn what_cannot_be_a_reference_is_refused() {
        for text in ["", ":key", "a:b:stage:id", "a:b:c:d:e", "arn:aws:secretsmanager"] {
            assert!(SecretReference::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_key_is_picked() {
        let reference = SecretReference::parse("db:port").unwrap();
        assert_eq!(reference.pick(r#"{"port": 5432}"#).unwrap(), "5432");
        assert!(reference.pick("{}").is_err());
        assert!(reference.pick("plain").is_err());
    }
}
