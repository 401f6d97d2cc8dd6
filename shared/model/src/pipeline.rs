//! A pipeline's definition, in the shape of `CodePipeline`'s API (`PipelineDeclaration`), which is also how it is stored.
//!
//! Deserialising checks nothing: a stored definition is never validated anew. What a person wrote comes through
//! the definition parser, which checks everything.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::id::{ActionName, ArtifactName, Namespace, PipelineName, StageName};

/// The key in which `CodePipeline`'s GitHub source takes a token...
pub const TOKEN: &str = "OAuthToken";
/// ...and what it shows in its place.
pub const HIDDEN: &str = "****";

/// A pipeline, valid by construction or as stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Pipeline {
    /// Its name, unique in a Penstock.
    pub name: PipelineName,
    /// The role under which actions run that name none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role_arn: Option<String>,
    /// Where artifacts lie; absent: the default store.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact_store: Option<ArtifactStore>,
    /// Where artifacts lie, a store a region; excludes `artifact_store`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact_stores: Option<BTreeMap<String, ArtifactStore>>,
    /// 2 to 50 stages in order; the first has the source actions.
    pub stages: Vec<Stage>,
    /// How executions share the stages.
    #[serde(default)]
    pub execution_mode: ExecutionMode,
    /// V1 or V2, kept for round trips; it changes nothing here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pipeline_type: Option<String>,
    /// Pipeline-level variables, at most 50.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub variables: Vec<VariableDeclaration>,
    /// Filters on what starts an execution; empty: default detection.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub triggers: Vec<Trigger>,
}

/// A bucket for artifacts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ArtifactStore {
    /// `S3`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The bucket.
    pub location: String,
    /// The key that encrypts it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encryption_key: Option<Json>,
}

impl ArtifactStore {
    /// The KMS key that encrypts it: an ARN, an id or an alias; `None`: as the bucket has it.
    pub fn kms_key(&self) -> Option<&str> {
        self.encryption_key.as_ref()?.get("id")?.as_str()
    }
}

/// How executions of one pipeline share its stages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum ExecutionMode {
    /// A waiting execution gives way to a newer one that arrives behind it.
    #[default]
    Superseded,
    /// First in, first out.
    Queued,
    /// No stage lock.
    Parallel,
}

/// A stage of a definition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Stage {
    /// Its name, unique in the pipeline.
    pub name: StageName,
    /// 1 to 50 actions.
    pub actions: Vec<Action>,
    /// Conditions before entry, as written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before_entry: Option<Json>,
    /// Conditions on success, as written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_success: Option<Json>,
    /// What a failure leads to, as written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_failure: Option<Json>,
}

/// An action of a definition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Action {
    /// Its name, unique in the stage.
    pub name: ActionName,
    /// What it is and what performs it.
    pub action_type_id: ActionType,
    /// Its place among the sequential groups of the stage, 1 to 999; a group runs in parallel.
    #[serde(default = "one")]
    pub run_order: u16,
    /// The provider's settings; values may hold `#{namespace.key}`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub configuration: BTreeMap<String, String>,
    /// A Commands action's shell commands.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub commands: Vec<String>,
    /// What it consumes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub input_artifacts: Vec<InputArtifact>,
    /// What it produces.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub output_artifacts: Vec<OutputArtifact>,
    /// Which environment variables a Commands action exports.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub output_variables: Vec<String>,
    /// Environment of a Commands action.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub environment_variables: Vec<EnvironmentVariable>,
    /// Under which its output variables are referenced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<Namespace>,
    /// The role under which it runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role_arn: Option<String>,
    /// The region in which it runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// An approval's time to expiry, 5 to 86,400 minutes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_in_minutes: Option<u32>,
}

fn one() -> u16 {
    1
}

/// What an action is and what performs it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ActionType {
    /// The category.
    pub category: Category,
    /// The owner.
    pub owner: Owner,
    /// The provider, an open set.
    pub provider: String,
    /// The provider's version, usually `1`.
    pub version: String,
}

/// The providers whose sources are branches at GitHub.
pub const GITHUB_PROVIDERS: [&str; 2] = ["CodeStarSourceConnection", "GitHub"];

impl ActionType {
    /// Whether it is a source whose branch is at GitHub.
    pub fn is_github_source(&self) -> bool {
        self.category == Category::Source && GITHUB_PROVIDERS.contains(&self.provider.as_str())
    }

    /// Whether it is a source whose revisions are commits.
    pub fn is_git_source(&self) -> bool {
        let is_other = matches!(self.provider.as_str(), "CodeCommit" | "Git");
        self.is_github_source() || self.category == Category::Source && is_other
    }
}

/// What kind of operation an action is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Category {
    /// Fetches a revision.
    Source,
    /// Builds.
    Build,
    /// Tests.
    Test,
    /// Deploys.
    Deploy,
    /// Calls a function or a program.
    Invoke,
    /// Waits for a person's verdict.
    Approval,
    /// Runs commands.
    Compute,
}

/// Who made the action's provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Owner {
    /// AWS.
    #[serde(rename = "AWS")]
    Aws,
    /// A partner, such as GitHub.
    ThirdParty,
    /// The user.
    Custom,
}

/// A reference to an artifact that an action consumes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InputArtifact {
    /// The artifact.
    pub name: ArtifactName,
}

/// An artifact that an action produces.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutputArtifact {
    /// The artifact.
    pub name: ArtifactName,
    /// Which files a Commands action puts into it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<String>,
}

/// An environment variable of a Commands action.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnvironmentVariable {
    /// Its name.
    pub name: String,
    /// Its value, or the secret's reference.
    pub value: String,
    /// Whether `value` is meant literally.
    #[serde(rename = "type", default)]
    pub kind: EnvironmentVariableKind,
}

/// How an environment variable's value is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum EnvironmentVariableKind {
    /// Literally.
    #[default]
    Plaintext,
    /// A name in Secrets Manager.
    SecretsManager,
}

/// A pipeline-level variable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VariableDeclaration {
    /// Its name, referenced as `#{variables.NAME}`.
    pub name: String,
    /// Its value when a start gives none; absent: a start must give one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_value: Option<String>,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

/// A filter on what starts an execution.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Trigger {
    /// `CodeStarSourceConnection`, or `GitHub` here.
    pub provider_type: String,
    /// What it filters on.
    pub git_configuration: GitConfiguration,
}

/// Filters on pushes and pull requests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GitConfiguration {
    /// The source action whose repository it listens to.
    pub source_action_name: ActionName,
    /// At most 3.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub push: Vec<PushFilter>,
    /// At most 3.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pull_request: Vec<PullRequestFilter>,
}

/// Tags, or branches, or branches and file paths.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PushFilter {
    /// Tag globs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tags: Option<Patterns>,
    /// Branch globs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branches: Option<Patterns>,
    /// File path globs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file_paths: Option<Patterns>,
}

/// Events, target branches, file paths.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PullRequestFilter {
    /// `OPEN`, `UPDATED`, `CLOSED`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<String>,
    /// Target branch globs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branches: Option<Patterns>,
    /// File path globs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file_paths: Option<Patterns>,
}

/// Globs that include and exclude; an exclude beats an include.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Patterns {
    /// At most 8 globs of 255 characters.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub includes: Vec<String>,
    /// At most 8 globs of 255 characters.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub excludes: Vec<String>,
}

impl Pipeline {
    /// The actions of the first stage: its sources.
    pub fn first_stage_actions(&self) -> impl Iterator<Item = &Action> {
        self.stages.first().into_iter().flat_map(|stage| &stage.actions)
    }

    /// The stage called `name`.
    pub fn stage(&self, name: &StageName) -> Option<&Stage> {
        self.stages.iter().find(|stage| stage.name == *name)
    }

    /// Puts asterisks in the place of tokens, as `CodePipeline` shows them: nothing here reads them, and whoever may read
    /// the definition would.
    pub fn hide_tokens(&mut self) {
        let actions = self.stages.iter_mut().flat_map(|stage| &mut stage.actions);
        for token in actions.filter_map(|action| action.configuration.get_mut(TOKEN)) {
            HIDDEN.clone_into(token);
        }
    }
}

impl Stage {
    /// The action called `name`.
    pub fn action(&self, name: &ActionName) -> Option<&Action> {
        self.actions.iter().find(|action| action.name == *name)
    }
}
