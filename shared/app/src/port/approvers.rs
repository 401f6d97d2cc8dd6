//! The approvers who were added by name: each has a topic, and so a link, of their own.

use std::fmt;
use std::str::FromStr;

use async_trait::async_trait;
use penstock_model::id::PipelineName;
use serde::{Deserialize, Serialize};

use super::PortError;

/// The longest approver's name, in characters.
const MAX_NAME: usize = 64;
/// The longest generation, in characters.
const MAX_GENERATION: usize = 64;

/// The approvers of one installation.
#[async_trait]
pub trait Approvers: Send + Sync {
    /// All of them, by name.
    async fn list(&self) -> Result<Vec<Approver>, PortError>;

    /// Adds `approver`, in place of an earlier one of that name.
    async fn add(&self, approver: &Approver) -> Result<(), PortError>;

    /// Removes the approver called `name`; whether there was one.
    async fn remove(&self, name: &ApproverName) -> Result<bool, PortError>;
}

/// A person who is asked for verdicts by name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Approver {
    /// Under which their verdicts are recorded.
    pub name: ApproverName,
    /// Where their topic sends its e-mail; for people to read, nothing is sent there directly.
    pub email: String,
    /// The topic that only they are subscribed to.
    pub topic_arn: String,
    /// The pipelines about which they are asked; empty: all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pipelines: Vec<PipelineName>,
    /// Signed into their links. `None`: a release that knew of none has added them, and their links have none until
    /// they are added anew.
    #[serde(skip)]
    pub generation: Option<Generation>,
}

/// Tells one adding of an approver from a later one of the same name, so that links of the earlier one stay dead: 1 to 64
/// ASCII letters and digits, random, no secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Generation(String);

/// A text that is no generation.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("an approver's generation is 1 to {MAX_GENERATION} ASCII letters and digits")]
pub struct InvalidGeneration;

impl Generation {
    /// Checks the form of `text`.
    ///
    /// # Errors
    /// [`InvalidGeneration`], whose message states the rule.
    pub fn new(text: &str) -> Result<Self, InvalidGeneration> {
        let valid =
            (1..=MAX_GENERATION).contains(&text.len()) && text.bytes().all(|it| it.is_ascii_alphanumeric());
        if valid { Ok(Self(text.to_owned())) } else { Err(InvalidGeneration) }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Approver {
    /// Whether they are asked about `pipeline`.
    pub fn is_asked_about(&self, pipeline: &PipelineName) -> bool {
        self.pipelines.is_empty() || self.pipelines.contains(pipeline)
    }
}

/// An approver's name: what a link of theirs has signed in and what their verdicts are recorded under. It cannot look
/// like a claimed one, which has parentheses.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ApproverName(String);

/// A text that is no approver's name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{}` is no approver's name: 1 to {MAX_NAME} letters, digits, spaces or . - _ ' @ + that begin with a letter or digit and end with no space",
    .0.chars().take(MAX_NAME).collect::<String>().escape_debug()
)]
pub struct InvalidApproverName(String);

impl ApproverName {
    /// Checks the form of `text`.
    ///
    /// # Errors
    /// [`InvalidApproverName`], whose message states the rule.
    pub fn new(text: &str) -> Result<Self, InvalidApproverName> {
        let allowed = |c: char| c.is_alphanumeric() || " .-_'@+".contains(c);
        let valid = (1..=MAX_NAME).contains(&text.chars().count())
            && text.starts_with(char::is_alphanumeric)
            && !text.ends_with(' ')
            && text.chars().all(allowed);
        if valid { Ok(Self(text.to_owned())) } else { Err(InvalidApproverName(text.to_owned())) }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ApproverName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl FromStr for ApproverName {
    type Err = InvalidApproverName;

    fn from_str(text: &str) -> Result<Self, InvalidApproverName> {
        Self::new(text)
    }
}

impl TryFrom<String> for ApproverName {
    type Error = InvalidApproverName;

    fn try_from(text: String) -> Result<Self, InvalidApproverName> {
        Self::new(&text)
    }
}

impl From<ApproverName> for String {
    fn from(name: ApproverName) -> Self {
        name.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_persons_and_looks_like_no_claim() {
        for good in ["Jo", "Ada Lovelace", "o'neil@example.com", "Зоя", "jo+ops"] {
            assert!(ApproverName::new(good).is_ok(), "{good}");
        }
        for bad in ["", " Jo", "Jo ", "Jo (claimed)", "a\nb", "-x", "a#b", "a/b", &"x".repeat(65)] {
            assert!(ApproverName::new(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_approver_without_a_list_is_asked_about_everything() {
        let text = r#"{"name":"Jo","email":"jo@example.com","topicArn":"arn:aws:sns:eu-west-1:111122223333:penstock-jo"}"#;
        let mut approver: Approver = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_string(&approver).unwrap(), text);
        assert!(approver.is_asked_about(&"web".parse().unwrap()));
        approver.pipelines = vec!["web".parse().unwrap()];
        assert!(approver.is_asked_about(&"web".parse().unwrap()));
        assert!(!approver.is_asked_about(&"shop".parse().unwrap()));
    }
}
