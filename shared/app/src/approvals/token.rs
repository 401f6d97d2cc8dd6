//! Tokens of approvals: derived from the attempt and a stored key, so that nothing has to be remembered.
//!
//! The link's token and the API's differ, and neither says anything of the other.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use hmac::{Hmac, KeyInit, Mac};
use penstock_model::id::AttemptId;
use sha2::Sha256;

/// The key from which the tokens of one installation are derived: 32 random bytes, stored once, never shown.
#[derive(Clone)]
pub struct ApprovalKey([u8; 32]);

impl ApprovalKey {
    /// The key with these bytes.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The token of the link that a person is sent: the attempt, readable, and a proof that we wrote it.
    pub(super) fn link_token(&self, attempt: &AttemptId) -> String {
        let text = attempt.to_string();
        format!("{}.{}", BASE64.encode(&text), BASE64.encode(self.proof("approval link", &text)))
    }

    /// The attempt that a link's token is for; `None` if we did not write it.
    pub(super) fn read_link(&self, token: &str) -> Option<AttemptId> {
        let (text, proof) = token.split_once('.')?;
        let text = String::from_utf8(BASE64.decode(text).ok()?).ok()?;
        let proof = BASE64.decode(proof).ok()?;
        equal(&self.proof("approval link", &text), &proof).then(|| text.parse().ok()).flatten()
    }

    /// The token of `CodePipeline`'s API, in the form of a UUID.
    pub(super) fn api_token(&self, attempt: &AttemptId) -> String {
        let mut bytes = self.proof("approval api", &attempt.to_string());
        bytes[6] = bytes[6] & 0x0f | 0x40;
        bytes[8] = bytes[8] & 0x3f | 0x80;
        let hex = hex::encode(&bytes[..16]);
        format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
    }

    /// Whether `token` is the API's token for `attempt`, in constant time.
    pub(super) fn is_api_token(&self, attempt: &AttemptId, token: &str) -> bool {
        equal(self.api_token(attempt).as_bytes(), token.as_bytes())
    }

    fn proof(&self, purpose: &str, text: &str) -> Vec<u8> {
        // HMAC takes a key of any length; the padded block is what `new` expects.
        let mut block = [0_u8; 64];
        block[..32].copy_from_slice(&self.0);
        let mut mac = Hmac::<Sha256>::new(&block.into());
        mac.update(purpose.as_bytes());
        mac.update(&[0]);
        mac.update(text.as_bytes());
        mac.finalize().into_bytes().to_vec()
    }
}

/// Compares in a time that depends on the lengths alone.
fn equal(ours: &[u8], theirs: &[u8]) -> bool {
    ours.len() == theirs.len() && ours.iter().zip(theirs).fold(0, |differs, (a, b)| differs | (a ^ b)) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attempt() -> AttemptId {
        "2b1f0c3a-5d7e-4f60-8a91-b2c3d4e5f607/Release/Sign-off/2".parse().unwrap()
    }

    #[test]
    fn a_link_is_read_back_and_only_ours() {
        let (key, other) = (ApprovalKey::new([7; 32]), ApprovalKey::new([8; 32]));
        let token = key.link_token(&attempt());
        assert_eq!(key.read_link(&token), Some(attempt()));
        assert_eq!(other.read_link(&token), None);
        for broken in
            ["", ".", "x.y", token.trim_end_matches(|c| c != '.'), &format!("{token}A"), &token[1..]]
        {
            assert_eq!(key.read_link(broken), None, "{broken}");
        }
    }

    #[test]
    fn the_two_tokens_have_nothing_in_common() {
        let key = ApprovalKey::new([7; 32]);
        let token = key.api_token(&attempt());
        assert!(key.is_api_token(&attempt(), &token));
        assert!(!key.is_api_token(&attempt(), &key.link_token(&attempt())));
        assert_eq!(token.len(), 36);
        assert_eq!(key.read_link(&token), None);
    }
}
