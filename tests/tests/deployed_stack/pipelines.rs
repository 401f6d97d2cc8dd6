//! The pipelines of the tests.

use serde_json::{Value as Json, json};

use crate::client::Client;
use crate::stack::Stack;

/// A pipeline under construction.
pub(crate) struct Pipeline(Json);

impl Pipeline {
    /// One whose stage `Source` fetches the branch `main` of `acme/NAME` as the artifact `App`.
    pub(crate) fn new(stack: &Stack, name: &str) -> Self {
        let checkout = json!({
            "name": "Checkout",
            "actionTypeId": kind("Source", "ThirdParty", "GitHub"),
            "configuration": {"Owner": "acme", "Repo": name, "Branch": "main"},
            "outputArtifacts": [{"name": "App"}],
        });
        Self::of(stack, name, &checkout)
    }

    /// One whose stage `Source` has this action.
    pub(crate) fn of(stack: &Stack, name: &str, source: &Json) -> Self {
        Self(json!({
            "name": name, "pipelineType": "V2", "executionMode": "QUEUED",
            "roleArn": stack.output("DefaultActionRoleArn"),
            "artifactStore": {"type": "S3", "location": stack.output("ArtifactBucket")},
            "stages": [{"name": "Source", "actions": [source]}],
        }))
    }

    /// With a stage of these actions.
    pub(crate) fn stage(mut self, name: &str, actions: &[Json]) -> Self {
        self.0["stages"].as_array_mut().unwrap().push(json!({"name": name, "actions": actions}));
        self
    }

    /// With a stage `Build`, whose action `Compile` builds `App` into `Site` in a project of the pipeline's own.
    pub(crate) fn build(self, stack: &Stack) -> Self {
        let project = format!("penstock-{}", self.0["name"].as_str().unwrap());
        stack.code_build.add_project(penstock_tests::code_build_stand_in::Project::new(&project));
        let compile = json!({
            "name": "Compile",
            "actionTypeId": kind("Build", "AWS", "CodeBuild"),
            "configuration": {"ProjectName": project},
            "inputArtifacts": [{"name": "App"}], "outputArtifacts": [{"name": "Site"}],
            "namespace": "Compiled",
        });
        self.stage("Build", &[compile])
    }

    /// With a stage `Approve`, whose action `Ask` waits for a person.
    pub(crate) fn approval(self) -> Self {
        let ask = json!({
            "name": "Ask", "actionTypeId": kind("Approval", "AWS", "Manual"),
            "configuration": {"CustomData": "Ship it?"},
        });
        self.stage("Approve", &[ask])
    }

    /// As `aws codepipeline get-pipeline` spells it.
    pub(crate) fn definition(self) -> Json {
        json!({"pipeline": self.0})
    }

    /// Creates it.
    pub(crate) async fn create(self, client: &Client) {
        client.operate("CreatePipeline", &self.definition()).await;
    }
}

/// An action's type.
pub(crate) fn kind(category: &str, owner: &str, provider: &str) -> Json {
    json!({"category": category, "owner": owner, "provider": provider, "version": "1"})
}
