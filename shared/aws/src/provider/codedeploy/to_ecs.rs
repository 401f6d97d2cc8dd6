//! The `CodeDeployToECS` provider: registers a task definition from a template and has `CodeDeploy` shift traffic to it.

use std::sync::Arc;

use async_trait::async_trait;
use penstock_app::engine::state::External;
use penstock_app::port::PortError;
use penstock_app::port::provider::{Begun, Observation, Provider, Work};
use penstock_appspec::appspec::AppSpec;
use serde_json::Value;

use super::deployment::Deployments;
use crate::access::{Access, WithoutRole};
use crate::artifacts::S3Artifacts;
use crate::offered::codedeploy_to_ecs::IMAGES;
use crate::provider::ecs::task_definition::{self, client};
use crate::provider::failure::Failure;
use crate::provider::input_zip::InputZip;
use crate::provider::settings::{optional, required};

/// The largest file that is read out of an input artifact; the artifacts themselves have at most 3 MB.
const MAX_FILE: u64 = 1 << 20;
/// The largest input artifact (`CodePipeline` quotas).
const MAX_ARTIFACT: u64 = 3 << 20;
/// Performs `CodeDeployToECS` actions: owner `AWS`, category `Deploy`.
pub struct CodeDeployToEcs {
    access: Access,
    artifacts: Arc<S3Artifacts>,
    without_role: WithoutRole,
}

impl CodeDeployToEcs {
    /// Deployments under the roles that `access` gives; templates are read out of `artifacts`.
    pub fn new(access: Access, artifacts: Arc<S3Artifacts>, without_role: WithoutRole) -> Self {
        Self { access, artifacts, without_role }
    }

    async fn begin(&self, work: &Work, taken_over: bool) -> Result<Begun, Failure> {
        let sdk = self.access.of(work, self.without_role.once_begun(taken_over)).await?;
        let deployments = Deployments::new(&sdk);
        if taken_over && let Some(found) = deployments.find(work).await? {
            return Ok(Begun::Running(deployments.external(&found)));
        }
        let artifacts = self.artifacts.of(work, &sdk);
        let definition = Self::task_definition(&artifacts, work).await?;
        let template =
            file(&artifacts, work, "AppSpecTemplateArtifact", "AppSpecTemplatePath", "appspec.yaml").await?;
        let ecs = client(&sdk);
        let token = work.attempt.token();
        let arn = task_definition::register_json(&ecs, definition, &token, taken_over).await?;
        let revision = super::appspec::content(appspec(&template, &arn)?);
        deployments.create(work, revision).await.map(Begun::Running)
    }

    /// The template with the images in it.
    async fn task_definition(artifacts: &S3Artifacts, work: &Work) -> Result<Value, Failure> {
        let artifact = "TaskDefinitionTemplateArtifact";
        let mut text = file(artifacts, work, artifact, "TaskDefinitionTemplatePath", "taskdef.json").await?;
        for n in 1..=IMAGES {
            let Some(container) = optional(work, &format!("Image{n}ContainerName")) else {
                continue;
            };
            let detail = named(artifacts, work, required(work, &format!("Image{n}ArtifactName"))?).await?;
            let image = image_uri(&detail.required_text("imageDetail.json", MAX_FILE).await?)?;
            text = text.replace(&format!("<{container}>"), &image);
        }
        serde_json::from_str(&text).map_err(|error| {
            Failure::configuration(format!("the task definition template is no JSON once filled in: {error}"))
        })
    }
}

async fn file(
    artifacts: &S3Artifacts,
    work: &Work,
    artifact: &str,
    path: &str,
    default: &str,
) -> Result<String, Failure> {
    let zip = named(artifacts, work, required(work, artifact)?).await?;
    zip.required_text(optional(work, path).unwrap_or(default), MAX_FILE).await
}

async fn named(artifacts: &S3Artifacts, work: &Work, name: &str) -> Result<InputZip, Failure> {
    let found = work.inputs.iter().find(|artifact| artifact.name.as_str() == name);
    let artifact = found.ok_or_else(|| {
        Failure::configuration(format!("`{name}` is no input artifact of the action; add it to its inputs"))
    })?;
    if artifact.size > MAX_ARTIFACT {
        let message = format!(
            "the input artifact {name} has more than {MAX_ARTIFACT} bytes; take one that holds the templates only"
        );
        return Err(Failure::configuration(message));
    }
    InputZip::fetch(artifacts, artifact).await
}

/// `ImageURI` of an `imageDetail.json`.
fn image_uri(detail: &str) -> Result<String, Failure> {
    let detail: Value = serde_json::from_str(detail)
        .map_err(|error| Failure::configuration(format!("imageDetail.json is no JSON: {error}")))?;
    let uri = detail.get("ImageURI").and_then(Value::as_str).unwrap_or_default();
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-:/@".contains(c);
    if uri.is_empty() || !uri.chars().all(plain) {
        return Err(Failure::configuration(
            "imageDetail.json has no `ImageURI` that names an image; let the ECR source or the build write one",
        ));
    }
    Ok(uri.to_owned())
}

/// The template for the task definition `arn`, checked.
fn appspec(template: &str, arn: &str) -> Result<String, Failure> {
    let content = template.replace("<TASK_DEFINITION>", arn);
    let parsed = penstock_appspec::parse(&content);
    match parsed.appspec {
        Some(AppSpec::Ecs(_)) => Ok(content),
        Some(AppSpec::Server(_) | AppSpec::Lambda(_)) => Err(Failure::configuration(
            "the appspec template is for another compute platform than ECS; it needs `Resources` with an AWS::ECS::Service",
        )),
        None => {
            let errors: Vec<String> = parsed.diagnostics.iter().map(ToString::to_string).collect();
            Err(Failure::configuration(format!("the appspec template has errors: {}", errors.join("; "))))
        }
    }
}

#[async_trait]
impl Provider for CodeDeployToEcs {
    async fn start(&self, work: &Work, taken_over: bool) -> Result<Begun, PortError> {
        self.begin(work, taken_over).await.or_else(|failure| failure.begun(taken_over))
    }

    async fn observe(&self, work: &Work, external: &External) -> Result<Observation, PortError> {
        Deployments::new(&self.access.of(work, WithoutRole::DefaultRole).await?).observe(external).await
    }

    async fn cancel(&self, work: &Work, external: Option<&External>) -> Result<Observation, PortError> {
        Deployments::new(&self.access.of(work, WithoutRole::DefaultRole).await?).cancel(work, external).await
    }

    async fn discard(&self, work: &Work, spare: &External) -> Result<(), PortError> {
        Deployments::new(&self.access.of(work, WithoutRole::DefaultRole).await?).discard(spare).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEMPLATE: &str = "version: 0.0\nResources:\n  - Web:\n      Type: AWS::ECS::Service\n      Properties:\n        TaskDefinition: <TASK_DEFINITION>\n        LoadBalancerInfo:\n          ContainerName: web\n          ContainerPort: 80\n";

    #[test]
    fn templates_are_filled_in_and_checked() {
        let arn = "arn:aws:ecs:us-east-1:111122223333:task-definition/web:7";
        assert!(appspec(TEMPLATE, arn).unwrap().contains(arn));
        assert!(appspec("version: 0.0\nos: linux\n", arn).is_err());
        assert!(appspec("version: 1\n", arn).is_err());
    }

    #[test]
    fn an_image_uri_cannot_break_out_of_the_template() {
        assert_eq!(
            image_uri(r#"{"ImageURI":"1.dkr.ecr.eu-west-1.amazonaws.com/web@sha256:ab"}"#).unwrap(),
            "1.dkr.ecr.eu-west-1.amazonaws.com/web@sha256:ab"
        );
        for wrong in [r#"{"ImageURI":"x\",\"privileged\":true"}"#, "{}", "[]", "x"] {
            assert!(image_uri(wrong).is_err(), "{wrong}");
        }
    }
}
