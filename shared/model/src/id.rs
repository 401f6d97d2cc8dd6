//! Names and ids, one type each, so that none can stand in for another.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// A name or id that a person or a program wrote and that does not have the form it needs.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no {what}: {rule}")]
pub struct InvalidId {
    what: &'static str,
    text: String,
    rule: &'static str,
}

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident, $what:literal, $rule:literal, $valid:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Checks the form of `text`.
            ///
            /// # Errors
            /// [`InvalidId`] if the form is wrong; the message states the rule.
            pub fn new(text: &str) -> Result<Self, InvalidId> {
                let valid: fn(&str) -> bool = $valid;
                if valid(text) {
                    return Ok(Self(text.into()));
                }
                Err(InvalidId { what: $what, text: text.chars().take(120).collect(), rule: $rule })
            }

            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", &*self.0)
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                Self::new(text)
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    };
}

fn named(text: &str, extra: &str) -> bool {
    (1..=100).contains(&text.len()) && text.chars().all(|c| c.is_ascii_alphanumeric() || extra.contains(c))
}

text_id!(
    /// A pipeline's name (`CodePipeline` API, `PipelineName`).
    PipelineName, "pipeline name", "1 to 100 of the characters A-Z a-z 0-9 . @ - _", |text| named(text, ".@-_")
);
text_id!(
    /// A stage's name, unique in its pipeline.
    StageName, "stage name", "1 to 100 of the characters A-Z a-z 0-9 . @ - _", |text| named(text, ".@-_")
);
text_id!(
    /// An action's name, unique in its stage.
    ActionName, "action name", "1 to 100 of the characters A-Z a-z 0-9 . @ - _", |text| named(text, ".@-_")
);
text_id!(
    /// An artifact's name, unique in its pipeline.
    ArtifactName, "artifact name", "1 to 100 of the characters A-Z a-z 0-9 - _", |text| named(text, "-_")
);
text_id!(
    /// The namespace under which an action's output variables are referenced.
    Namespace, "variable namespace", "1 to 100 of the characters A-Z a-z 0-9 @ - _", |text| named(text, "@-_")
);
text_id!(
    /// An execution's id, in the form of a UUID.
    ExecutionId, "execution id", "a UUID such as 2b1f0c3a-5d7e-4f60-8a91-b2c3d4e5f607", is_uuid
);
text_id!(
    /// A command's id: whatever is sent again under the same id is the same command.
    CommandId, "command id", "1 to 256 visible ASCII characters",
    |text| (1..=256).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic())
);
text_id!(
    /// A delivery's id, a webhook's (`X-GitHub-Delivery`) or of what a source's event is about; a redelivery keeps it.
    DeliveryId, "delivery id", "1 to 128 visible ASCII characters",
    |text| (1..=128).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic())
);

fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(index, byte)| match index {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

/// A UUID of `version` (RFC 9562, section 4: 4 is random, 8 a form of one's own) whose other bits are those of `bytes`.
pub fn uuid(mut bytes: [u8; 16], version: u8) -> String {
    bytes[6] = bytes[6] & 0x0f | version << 4;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex = hex::encode(bytes);
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

impl DeliveryId {
    /// The delivery that follows from `parts` alone; `what` it tells of begins it.
    pub(crate) fn derive(what: &str, parts: &[&str]) -> Self {
        let mut digest = Sha256::new();
        for part in parts {
            // With the lengths, no other parts come to the same.
            digest.update((part.len() as u64).to_be_bytes());
            digest.update(part);
        }
        Self(format!("{what}-{}", &hex::encode(digest.finalize())[..40]).into())
    }
}

impl ExecutionId {
    /// The execution that `command` starts in `pipeline`: the same command gives the same id, which is how a
    /// repeated delivery or request is recognised at admission.
    pub fn derive(pipeline: &PipelineName, command: &CommandId) -> Self {
        let digest = Sha256::new()
            .chain_update(pipeline.as_str())
            .chain_update([0])
            .chain_update(command.as_str())
            .finalize();
        let mut bytes = [0_u8; 16];
        bytes.copy_from_slice(&digest[..16]);
        Self(uuid(bytes, 8).into())
    }
}

/// An edition of a pipeline's definition, from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DefinitionVersion(pub u32);

impl fmt::Display for DefinitionVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// One try of one action in one execution. Its [`token`](Self::token) is the idempotency key of everything done for it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct AttemptId {
    /// The execution.
    pub execution: ExecutionId,
    /// The stage.
    pub stage: StageName,
    /// The action.
    pub action: ActionName,
    /// Which try, from 1.
    pub number: u32,
}

impl AttemptId {
    /// The id in the form that every service takes as an idempotency token: `p-` and 40 hex digits of its SHA-256.
    pub fn token(&self) -> String {
        format!("p-{}", &hex::encode(Sha256::digest(self.to_string()))[..40])
    }
}

/// `execution/stage/action/number`; [`FromStr`] reads it back.
impl fmt::Display for AttemptId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}/{}", self.execution, self.stage, self.action, self.number)
    }
}

impl FromStr for AttemptId {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let invalid = || InvalidId {
            what: "attempt id",
            text: text.chars().take(120).collect(),
            rule: "execution/stage/action/number",
        };
        let parts: Vec<&str> = text.split('/').collect();
        let [execution, stage, action, number] = parts[..] else {
            return Err(invalid());
        };
        Ok(Self {
            execution: execution.parse()?,
            stage: stage.parse()?,
            action: action.parse()?,
            number: number.parse().map_err(|_| invalid())?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_derived_alike_every_time() {
        let pipeline = PipelineName::new("web").unwrap();
        let id = ExecutionId::derive(&pipeline, &CommandId::new("delivery-1").unwrap());
        assert_eq!(id, ExecutionId::derive(&pipeline, &CommandId::new("delivery-1").unwrap()));
        assert_eq!(ExecutionId::new(id.as_str()).unwrap(), id);
        assert_eq!(id.as_str(), "8a22eef8-3914-8354-bba1-8c4c96e93829");
    }

    #[test]
    fn attempt_ids_are_read_back() {
        let id: AttemptId = "2b1f0c3a-5d7e-4f60-8a91-b2c3d4e5f607/Build/Unit/2".parse().unwrap();
        assert_eq!(id.to_string().parse::<AttemptId>().unwrap(), id);
        assert_eq!(id.token().len(), 42);
        assert!("x/y".parse::<AttemptId>().is_err());
    }
}
