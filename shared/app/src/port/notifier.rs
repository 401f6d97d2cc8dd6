//! The way to people.

use async_trait::async_trait;
use penstock_model::id::{ActionName, ExecutionId, PipelineName, StageName};
use serde::{Deserialize, Serialize};

use super::PortError;
use super::approvers::ApproverName;

/// Tells people.
#[async_trait]
pub trait Notifier: Send + Sync {
    /// Tells of `notice`; told again after a crash in between, with the same content.
    async fn tell(&self, notice: &Notice) -> Result<(), PortError>;
}

/// What people are told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Notice {
    /// What kind.
    #[serde(rename = "type")]
    pub kind: NoticeKind,
    /// The pipeline.
    pub pipeline: PipelineName,
    /// The execution.
    pub execution_id: ExecutionId,
    /// The stage.
    pub stage: StageName,
    /// The action.
    pub action: ActionName,
    /// What happened or is asked, in a line.
    pub summary: String,
    /// What opens in a browser to see or decide it; a failure on AWS that has no page at a provider has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
    /// The way to the pipeline's page, if the link does not lead there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page: Option<NoticedPage>,
    /// When it happened, RFC 3339.
    pub time: String,
    /// The error's code, of a failure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_code: Option<String>,
    /// What started the execution, in words.
    #[serde(default)]
    pub trigger: String,
    /// The revision that the start of the execution named, else that of its first source, once it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<NoticedCommit>,
    /// The revisions of its other sources.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub more_commits: Vec<NoticedCommit>,
    /// What failed after it in the same stage.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub also_failed: Vec<NoticedFailure>,
    /// The end of the failing action's log.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub log: Vec<String>,
    /// The command that acts on it.
    #[serde(default)]
    pub command: String,
    /// What is asked, of an approval.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval: Option<NoticedApproval>,
    /// Who is told; not part of what they are told.
    #[serde(skip)]
    pub to: Audience,
}

/// What kind of notice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NoticeKind {
    /// An execution failed.
    ExecutionFailed,
    /// An approval waits for a verdict.
    ApprovalNeeded,
}

/// A page that opens once a command runs.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NoticedPage {
    /// The command, which goes on meanwhile.
    pub command: String,
    /// The page.
    pub url: String,
}

/// Another action that failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NoticedFailure {
    /// The action.
    pub action: ActionName,
    /// The error's code.
    pub error_code: String,
    /// Why, in a line.
    pub summary: String,
}

/// The revision that an execution carries.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NoticedCommit {
    /// Its id.
    pub id: String,
    /// The source action that fetched it, where there are several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<ActionName>,
    /// The first line of its message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub summary: Option<String>,
    /// Where its changes are seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Who wrote it, where the source says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
}

/// What an approval asks.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NoticedApproval {
    /// What the definition says to the approver.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub custom_data: Option<String>,
    /// What the definition asks the approver to look at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_entity_link: Option<String>,
    /// What follows an approval: the actions up to the next one, in words.
    pub will_do: Vec<String>,
    /// When it expires, RFC 3339.
    pub expires: String,
}

/// Who is told.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Audience {
    /// Everybody who follows such notices.
    #[default]
    Everyone,
    /// An approver, by the topic that only they are subscribed to; the link is theirs.
    Approver {
        /// Their name.
        name: ApproverName,
        /// Their topic.
        topic_arn: String,
    },
    /// Whoever is subscribed to the topic that the approval action names.
    Topic {
        /// The topic.
        topic_arn: String,
        /// The token under which `CodePipeline`'s API takes the verdict; part of its message format.
        api_token: String,
    },
}

impl Audience {
    /// What tells this audience from others of the same notice.
    pub fn key(&self) -> &str {
        match self {
            Self::Everyone => "everyone",
            Self::Approver { topic_arn, .. } | Self::Topic { topic_arn, .. } => topic_arn,
        }
    }
}
