//! What a Commands action may say ("Commands action reference").

use penstock_model::pipeline::Action;
use penstock_model::provider::codebuild::is_reserved;

use super::network::Network;
use super::shape::{Shape, is_open};

const SHAPE: Shape = Shape {
    required: &[],
    optional: &["EnvironmentType", "ComputeType", "VpcId", "Subnets", "SecurityGroupIds"],
    inputs: 1..=10,
    outputs: 0..=1,
};
const LINUX: &str = "LINUX_CONTAINER";
/// Such an environment.
pub const WINDOWS: &str = "WINDOWS_SERVER_2022_CONTAINER";
const COMPUTE: [&str; 3] = ["BUILD_GENERAL1_SMALL", "BUILD_GENERAL1_MEDIUM", "BUILD_GENERAL1_LARGE"];

/// Why `action` cannot be performed on a project in `network`, with the way out.
pub fn refuse(action: &Action, network: &Network) -> Option<String> {
    SHAPE.refuse(action).or_else(|| network.refuse(action)).or_else(|| refuse_machine(action)).or_else(|| {
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
        let refuse = |action: &Action| refuse(action, &Network::default());
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
