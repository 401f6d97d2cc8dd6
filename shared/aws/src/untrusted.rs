//! A role that STS does not give us, and what its owner writes to let us have it.

use std::error::Error;
use std::fmt;

/// STS denied a role whatever external id it was asked with.
#[derive(Debug)]
pub(crate) struct Untrusted {
    said: String,
    /// The external ids that were said, the narrowest first.
    ids: Vec<String>,
}

impl Untrusted {
    /// Of a role asked for with each of `ids`; `said` are STS's words.
    #[cfg(feature = "sts")]
    pub(crate) fn new(said: Option<&str>, ids: &[String]) -> Self {
        Self { said: said.unwrap_or("no reason was given").to_owned(), ids: ids.to_vec() }
    }

    /// What `error` was caused by, if it is this.
    pub(crate) fn behind<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a Self> {
        let mut cause = Some(error);
        while let Some(error) = cause {
            if let Some(untrusted) = error.downcast_ref() {
                return Some(untrusted);
            }
            cause = error.source();
        }
        None
    }
}

impl fmt::Display for Untrusted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; ", self.said)?;
        let Some(narrowest) = self.ids.first() else {
            return write!(f, "let the role trust whoever runs this");
        };
        let said: Vec<String> = self.ids.iter().map(|id| format!("`{id}`")).collect();
        write!(
            f,
            r#"it was asked for with the external id {}; tag the role penstock:assumable=true, and let its trust policy allow sts:AssumeRole to the stack's output TrustedRoleArns on the condition {{"StringEquals":{{"sts:ExternalId":"{narrowest}"}}}}"#,
            said.join(", then ")
        )
    }
}

impl Error for Untrusted {}

#[cfg(all(test, feature = "sts"))]
mod tests {
    use super::*;

    #[test]
    fn both_ids_and_the_trust_to_write_are_told() {
        let told = Untrusted::new(Some("not authorized"), &["id/web".into(), "id".into()]).to_string();
        assert!(told.starts_with("not authorized; "), "{told}");
        assert!(told.contains("`id/web`, then `id`"), "{told}");
        assert!(told.ends_with(r#"{"StringEquals":{"sts:ExternalId":"id/web"}}"#), "{told}");
    }
}
