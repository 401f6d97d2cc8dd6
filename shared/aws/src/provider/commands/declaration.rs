//! What a Commands action declares ("Commands action reference").

use aws_sdk_codebuild::types::{ComputeType, EnvironmentType, EnvironmentVariableType};
use penstock_app::port::provider::Work;
use penstock_model::pipeline::{Action, EnvironmentVariable, EnvironmentVariableKind};

use super::buildspec;
use crate::provider::codebuild::plan::{Machine, Plan, Sources, Variable, is_reserved};
use crate::provider::failure::Failure;
use crate::provider::settings::{Shape, is_open, optional};

const SHAPE: Shape = Shape {
    required: &[],
    optional: &["EnvironmentType", "ComputeType", "VpcId", "Subnets", "SecurityGroupIds"],
    inputs: 1..=10,
    outputs: 0..=1,
};
/// Keys that place a build in a network, which `StartBuild` cannot override.
const NETWORK: [&str; 3] = ["VpcId", "Subnets", "SecurityGroupIds"];
const LINUX: &str = "LINUX_CONTAINER";
const WINDOWS: &str = "WINDOWS_SERVER_2022_CONTAINER";
const COMPUTE: [&str; 3] = ["BUILD_GENERAL1_SMALL", "BUILD_GENERAL1_MEDIUM", "BUILD_GENERAL1_LARGE"];
/// Images for an environment that the action asks for ("Docker images provided by CodeBuild").
const LINUX_IMAGE: &str = "aws/codebuild/amazonlinux2-x86_64-standard:5.0";
const WINDOWS_IMAGE: &str = "aws/codebuild/windows-base:2022-1.0";
/// As long as a Commands action may take ("Quotas in AWS CodePipeline").
const TIMEOUT_MINUTES: i32 = 55;

/// Why `action` cannot be performed, with the way out.
pub(super) fn refuse(action: &Action) -> Option<String> {
    SHAPE.refuse(action).or_else(|| refuse_network(action)).or_else(|| refuse_machine(action)).or_else(|| {
        if action.commands.is_empty() {
            return Some("it has no commands; list at least one under `commands`".into());
        }
        let mut names = action.environment_variables.iter().map(|variable| variable.name.as_str());
        let name = names.find(|name| is_reserved(name))?;
        Some(format!(
            "it sets `{name}`; take another name: those that begin with CODEBUILD_ or PENSTOCK_ are reserved"
        ))
    })
}

fn refuse_network(action: &Action) -> Option<String> {
    let key = NETWORK.iter().find(|key| action.configuration.contains_key(**key))?;
    Some(format!(
        "`{key}` cannot be honoured: a build of a project cannot be moved into a network; remove VpcId, Subnets and SecurityGroupIds, or use a CodeBuild action with a project in that VPC"
    ))
}

fn refuse_machine(action: &Action) -> Option<String> {
    let get = |key: &str| action.configuration.get(key).map(String::as_str).filter(|value| !value.is_empty());
    let (environment, compute) = (get("EnvironmentType"), get("ComputeType"));
    let not_of = |value: Option<&str>, known: &[&str]| {
        value.is_some_and(|value| !is_open(value) && !known.contains(&value))
    };
    if not_of(environment, &[LINUX, WINDOWS]) {
        return Some(format!("`EnvironmentType` is none of {LINUX}, {WINDOWS}; write one of them"));
    }
    if not_of(compute, &COMPUTE) {
        return Some(format!("`ComputeType` is none of {}; write one of them", COMPUTE.join(", ")));
    }
    if environment == Some(WINDOWS) && compute.is_none_or(|compute| compute == COMPUTE[0]) {
        return Some(format!(
            "{WINDOWS} has no small machines; set `ComputeType` to {} or {}",
            COMPUTE[1], COMPUTE[2]
        ));
    }
    None
}

/// What the action asks for, on the project `project`.
pub(super) fn plan(work: &Work, project: &str) -> Result<Plan, Failure> {
    if let Some(refusal) = refuse(&work.action) {
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

#[cfg(test)]
mod tests {
    use penstock_model::pipeline::Category;
    use penstock_testkit::build::{ActionBuilder, action};

    use super::*;

    fn commands(change: impl FnOnce(ActionBuilder) -> ActionBuilder) -> Action {
        let mut action = change(action("C", Category::Compute, "Commands").consumes("App")).build();
        action.commands = vec!["make".into()];
        action
    }

    #[test]
    fn what_cannot_work_is_refused_with_the_way_out() {
        assert_eq!(refuse(&commands(|action| action)), None);
        let mut without = commands(|action| action);
        without.commands.clear();
        assert!(refuse(&without).unwrap().contains("no commands"));
        for (key, value, expected) in [
            ("VpcId", "vpc-1", "project in that VPC"),
            ("EnvironmentType", "ARM_CONTAINER", "write one of them"),
            ("ComputeType", "HUGE", "write one of them"),
            ("EnvironmentType", WINDOWS, "no small machines"),
            ("ProjectName", "web", "has no key `ProjectName`"),
        ] {
            let refusal = refuse(&commands(|action| action.set(key, value))).unwrap();
            assert!(refusal.contains(expected), "{refusal}");
        }
    }
}
