//! The configuration of a `CodeBuild` action ("AWS `CodeBuild` build and test action reference").

use aws_sdk_codebuild::types::EnvironmentVariableType;
use penstock_app::port::provider::Work;
use penstock_model::provider::codebuild::{Entry, Kind, variables};

use super::plan::{Batch, Machine, Plan, Sources, Variable};
use crate::offered::codebuild::{is_batch, is_set, refuse};
use crate::provider::failure::Failure;
use crate::provider::settings::{optional, required};

/// What the action asks for.
pub(super) fn plan(work: &Work) -> Result<Plan, Failure> {
    if let Some(refusal) = refuse(&work.action) {
        return Err(Failure::configuration(refusal));
    }
    let entries = variables(optional(work, "EnvironmentVariables").unwrap_or("[]"));
    let entries = entries.map_err(Failure::configuration)?;
    let owned = |key: &str| optional(work, key).map(str::to_owned);
    Ok(Plan {
        project: required(work, "ProjectName")?.to_owned(),
        buildspec: owned("BuildspecOverride"),
        variables: entries.into_iter().map(variable).collect(),
        sources: Sources::of(work, optional(work, "PrimarySource"))?,
        service_role: owned("ServiceRoleArnOverride"),
        machine: Machine::default(),
        timeout_minutes: None,
        batch: is_batch(&work.action).then(|| Batch { combine: is_set(&work.action, "CombineArtifacts") }),
    })
}

fn variable(entry: Entry) -> Variable {
    let kind = match entry.kind {
        Kind::Plaintext => EnvironmentVariableType::Plaintext,
        Kind::ParameterStore => EnvironmentVariableType::ParameterStore,
        Kind::SecretsManager => EnvironmentVariableType::SecretsManager,
    };
    Variable { name: entry.name, value: entry.value, kind }
}
