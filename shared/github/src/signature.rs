//! Webhook signatures: HMAC-SHA256 over the raw body, compared in constant time, with several live secrets.
//!
//! Source: GitHub documentation, "Validating webhook deliveries" (`X-Hub-Signature-256: sha256=HEX`).

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// The secrets under which a delivery may be signed; two at a time allow rotation.
#[derive(Clone, Default)]
pub struct WebhookSecrets(Vec<Vec<u8>>);

impl std::fmt::Debug for WebhookSecrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "WebhookSecrets({} of them)", self.0.len())
    }
}

/// Why a signature was not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// No secret is configured, so no delivery can be trusted.
    #[error("no webhook secret is configured; configure that of the GitHub webhook")]
    NoSecret,
    /// No signature came.
    #[error("the delivery is not signed; set a secret in the GitHub webhook's settings")]
    Missing,
    /// It is not of the form `sha256=` and 64 hex digits.
    #[error("X-Hub-Signature-256 is not `sha256=` and 64 hex digits")]
    Malformed,
    /// It fits none of the secrets.
    #[error("the signature fits no configured secret; compare it with the GitHub webhook's")]
    Wrong,
}

impl WebhookSecrets {
    /// Takes the secrets, leaving out empty ones.
    pub fn new(secrets: impl IntoIterator<Item = impl Into<Vec<u8>>>) -> Self {
        Self(secrets.into_iter().map(Into::into).filter(|secret| !secret.is_empty()).collect())
    }

    /// Checks the header `X-Hub-Signature-256` against the body as it came over the wire.
    ///
    /// # Errors
    /// [`SignatureError`] says what is missing or wrong.
    pub fn verify(&self, header: Option<&str>, body: &[u8]) -> Result<(), SignatureError> {
        if self.0.is_empty() {
            return Err(SignatureError::NoSecret);
        }
        let digits = header
            .ok_or(SignatureError::Missing)?
            .trim()
            .strip_prefix("sha256=")
            .ok_or(SignatureError::Malformed)?;
        let mut given = [0_u8; 32];
        hex::decode_to_slice(digits, &mut given).map_err(|_| SignatureError::Malformed)?;
        // Every secret is tried whatever the others said, so that timing does not tell which of them is live.
        let fits =
            self.0.iter().fold(false, |fits, secret| mac(secret, body).verify_slice(&given).is_ok() | fits);
        if fits { Ok(()) } else { Err(SignatureError::Wrong) }
    }

    /// The header that GitHub would send with `body` under the first secret; `None` without secrets.
    pub fn sign(&self, body: &[u8]) -> Option<String> {
        let secret = self.0.first()?;
        Some(format!("sha256={}", hex::encode(mac(secret, body).finalize().into_bytes())))
    }
}

fn mac(secret: &[u8], body: &[u8]) -> Hmac<Sha256> {
    // HMAC takes keys of every length (RFC 2104), so the error case is the empty key's stand-in and never met.
    let mut mac =
        Hmac::<Sha256>::new_from_slice(secret).unwrap_or_else(|_| Hmac::<Sha256>::new(&Default::default()));
    mac.update(body);
    mac
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of GitHub's documentation.
    #[test]
    fn the_documented_example_verifies() {
        let secrets = WebhookSecrets::new(["It's a Secret to Everybody"]);
        let header = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
        assert_eq!(secrets.verify(Some(header), b"Hello, World!"), Ok(()));
        assert_eq!(secrets.sign(b"Hello, World!").as_deref(), Some(header));
    }

    #[test]
    fn each_live_secret_is_accepted() {
        let old = WebhookSecrets::new(["old"]).sign(b"x").unwrap();
        assert_eq!(WebhookSecrets::new(["new", "old"]).verify(Some(&old), b"x"), Ok(()));
        assert_eq!(WebhookSecrets::new(["new"]).verify(Some(&old), b"x"), Err(SignatureError::Wrong));
    }

    #[test]
    fn what_is_missing_or_malformed_is_named() {
        let secrets = WebhookSecrets::new(["s"]);
        assert_eq!(secrets.verify(None, b""), Err(SignatureError::Missing));
        assert_eq!(secrets.verify(Some("sha1=00"), b""), Err(SignatureError::Malformed));
        assert_eq!(secrets.verify(Some("sha256=zz"), b""), Err(SignatureError::Malformed));
        assert_eq!(WebhookSecrets::new([""]).verify(Some("sha256=00"), b""), Err(SignatureError::NoSecret));
    }
}
