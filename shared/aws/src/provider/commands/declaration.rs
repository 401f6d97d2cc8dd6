//! What a Commands action declares ("Commands action reference").

use aws_sdk_codebuild::types::{ComputeType, EnvironmentType, EnvironmentVariableType};
use penstock_app::port::provider::Work;
use penstock_model::pipeline::{EnvironmentVariable, EnvironmentVariableKind};

use super::buildspec;
use crate::offered::commands::{WINDOWS, refuse};
use crate::offered::network::Network;
use crate::provider::codebuild::plan::{Machine, Plan, Sources, Variable};
use crate::provider::failure::Failure;
use crate::provider::settings::optional;

/// Images for an environment that the action asks for ("Docker images provided by CodeBuild").
const LINUX_IMAGE: &str = "aws/codebuild/amazonlinux2-x86_64-standard:5.0";
const WINDOWS_IMAGE: &str = "aws/codebuild/windows-base:2022-1.0";
/// As long as a Commands action may take ("Quotas in AWS CodePipeline").
const TIMEOUT_MINUTES: i32 = 55;

/// What the action asks for, on the project `project`, which is in `network`.
pub(super) fn plan(work: &Work, project: &str, network: &Network) -> Result<Plan, Failure> {
    if let Some(refusal) = refuse(&work.action, network) {
        return Err(Failure::configuration(refusal));
    }
    let buildspec = buildspec::of(&work.action).map_err(|error| Failure::configuration(error.to_string()))?;
    Ok(Plan {
        project: project.to_owned(),
        buildspec: Some(buildspec),
        variables: work.action.environment_variables.iter().map(variable).collect(),
        sources: Sources::of(work, None)?,
        service_role: None,
        machine: machine(work),
        timeout_minutes: Some(TIMEOUT_MINUTES),
        batch: None,
    })
}

fn machine(work: &Work) -> Machine {
    let environment = optional(work, "EnvironmentType");
    let image =
        environment.map(|environment| if environment == WINDOWS { WINDOWS_IMAGE } else { LINUX_IMAGE });
    Machine {
        environment: environment.map(EnvironmentType::from),
        compute: optional(work, "ComputeType").map(ComputeType::from),
        image: image.map(str::to_owned),
    }
}

fn variable(variable: &EnvironmentVariable) -> Variable {
    let kind = match variable.kind {
        EnvironmentVariableKind::Plaintext => EnvironmentVariableType::Plaintext,
        EnvironmentVariableKind::SecretsManager => EnvironmentVariableType::SecretsManager,
    };
    Variable { name: variable.name.clone(), value: variable.value.clone(), kind }
}
