//! Tokens of approvals: derived from the attempt and a stored key, so that nothing has to be remembered.
//!
//! The link's token and the API's differ, and neither says anything of the other.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use hmac::{Hmac, KeyInit, Mac};
use penstock_model::id::{AttemptId, uuid};
use sha2::Sha256;

use crate::port::approvers::{ApproverName, Generation};

/// The key from which the tokens of one installation are derived: 32 random bytes, stored once, never shown.
#[derive(Clone)]
pub struct ApprovalKey([u8; 32]);

/// What a link's token says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Link {
    /// The approval.
    pub(super) attempt: AttemptId,
    /// Whose link it is; `None`: one that was sent to a shared topic or shown.
    pub(super) own: Option<Own>,
}

/// Whose own a link is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Own {
    /// The approver.
    pub(super) approver: ApproverName,
    /// Of which adding of theirs; `None`: of one that had none.
    pub(super) generation: Option<Generation>,
}

impl ApprovalKey {
    /// The key with these bytes.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The token of the link that a person is sent: the attempt, for an approver of their own their name and generation,
    /// all readable, and a proof that we wrote them together.
    pub(super) fn link_token(&self, link: &Link) -> String {
        let text = link.attempt.to_string();
        let proof = BASE64.encode(self.link_proof(&text, link.own.as_ref()));
        let mut parts = vec![BASE64.encode(&text)];
        if let Some(Own { approver, generation }) = &link.own {
            parts.push(BASE64.encode(approver.as_str()));
            parts.extend(generation.iter().map(|generation| generation.as_str().to_owned()));
        }
        parts.push(proof);
        parts.join(".")
    }

    /// What a link's token is for; `None` if we did not write it.
    pub(super) fn read_link(&self, token: &str) -> Option<Link> {
        let parts: Vec<&str> = token.split('.').collect();
        let (text, own, proof) = match parts[..] {
            [text, proof] => (text, None, proof),
            [text, name, proof] => (text, Some((name, None)), proof),
            [text, name, generation, proof] => (text, Some((name, Some(generation))), proof),
            _ => return None,
        };
        let text = decoded(text)?;
        let own = match own {
            Some((name, generation)) => Some(Own {
                approver: decoded(name)?.parse().ok()?,
                generation: generation.map(Generation::new).transpose().ok()?,
            }),
            None => None,
        };
        let proof = BASE64.decode(proof).ok()?;
        let attempt = equal(&self.link_proof(&text, own.as_ref()), &proof).then(|| text.parse().ok())?;
        Some(Link { attempt: attempt?, own })
    }

    fn link_proof(&self, attempt: &str, own: Option<&Own>) -> Vec<u8> {
        // None of the three contains a NUL, so no two links give the same text.
        match own {
            None => self.proof("approval link", attempt),
            Some(Own { approver, generation: None }) => {
                self.proof("approval link of", &format!("{attempt}\0{approver}"))
            }
            Some(Own { approver, generation: Some(generation) }) => {
                self.proof("approval link of", &format!("{attempt}\0{approver}\0{}", generation.as_str()))
            }
        }
    }

    /// The token of `CodePipeline`'s API, in the form of a UUID.
    pub(super) fn api_token(&self, attempt: &AttemptId) -> String {
        let proof = self.proof("approval api", &attempt.to_string());
        let mut bytes = [0_u8; 16];
        bytes.copy_from_slice(&proof[..16]);
        uuid(bytes, 4)
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

fn decoded(part: &str) -> Option<String> {
    String::from_utf8(BASE64.decode(part).ok()?).ok()
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

    fn shared() -> Link {
        Link { attempt: attempt(), own: None }
    }

    fn own(approver: &str, generation: Option<&str>) -> Link {
        let generation = generation.map(|text| Generation::new(text).unwrap());
        Link { attempt: attempt(), own: Some(Own { approver: approver.parse().unwrap(), generation }) }
    }

    #[test]
    fn a_link_is_read_back_and_only_ours() {
        let (key, other) = (ApprovalKey::new([7; 32]), ApprovalKey::new([8; 32]));
        let token = key.link_token(&shared());
        assert_eq!(key.read_link(&token), Some(shared()));
        assert_eq!(other.read_link(&token), None);
        for broken in
            ["", ".", "x.y", token.trim_end_matches(|c| c != '.'), &format!("{token}A"), &token[1..]]
        {
            assert_eq!(key.read_link(broken), None, "{broken}");
        }
    }

    #[test]
    fn a_name_is_signed_in_and_cannot_be_changed() {
        let key = ApprovalKey::new([7; 32]);
        let token = key.link_token(&own("Jo", None));
        assert_eq!(key.read_link(&token), Some(own("Jo", None)));
        let parts: Vec<&str> = token.split('.').collect();
        let shared = key.link_token(&shared());
        let shared: Vec<&str> = shared.split('.').collect();
        let eves = BASE64.encode("Eve");
        for forged in [
            format!("{}.{eves}.{}", parts[0], parts[2]),
            format!("{}.{}", parts[0], parts[2]),
            format!("{}.{eves}.{}", shared[0], shared[1]),
            format!("{}.{}.{}", shared[0], parts[1], shared[1]),
            format!("{}.{}.x.{}", parts[0], parts[1], parts[2]),
            format!("{}..{}", parts[0], parts[2]),
        ] {
            assert_eq!(key.read_link(&forged), None, "{forged}");
        }
    }

    #[test]
    fn a_generation_is_signed_in_and_cannot_be_changed() {
        let key = ApprovalKey::new([7; 32]);
        let (first, second) = (own("Jo", Some("a1")), own("Jo", Some("b2")));
        let token = key.link_token(&first);
        assert_eq!(key.read_link(&token), Some(first));
        let parts: Vec<&str> = token.split('.').collect();
        let other = key.link_token(&second);
        let other = other.rsplit('.').next().unwrap();
        let [text, name, generation, proof] = parts[..] else { panic!("{token}") };
        assert_eq!(generation, "a1");
        for forged in [
            format!("{text}.{name}.b2.{proof}"),
            format!("{text}.{name}.a1.{other}"),
            format!("{text}.{name}.{proof}"),
            format!("{text}.{name}..{proof}"),
            format!("{text}.{name}.a1.a1.{proof}"),
        ] {
            assert_eq!(key.read_link(&forged), None, "{forged}");
        }
    }

    #[test]
    fn the_two_tokens_have_nothing_in_common() {
        let key = ApprovalKey::new([7; 32]);
        let token = key.api_token(&attempt());
        assert!(key.is_api_token(&attempt(), &token));
        assert!(!key.is_api_token(&attempt(), &key.link_token(&shared())));
        assert_eq!(token.len(), 36);
        assert_eq!(key.read_link(&token), None);
    }
}
