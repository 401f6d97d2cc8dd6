//! What functions are told and how they are built: the template and the code agree.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use cargo_metadata::MetadataCommand;
use penstock_aws::default_role::{ADDABLE, PARAMETER};
use regex::Regex;
use serde_json::{Value, json};

use crate::document::{Template, root};

#[test]
fn what_a_function_requires_is_in_its_environment() {
    let template = Template::load();
    let asks = Regex::new(r#"\brequired\(\s*"([A-Z][A-Z_]+)""#).unwrap();
    let all = template.0["Globals"]["Function"]["Environment"]["Variables"].as_object().unwrap();
    assert!(all.contains_key("PENSTOCK_LOG"));
    for (name, function) in template.functions() {
        let variables = function.property("Environment")["Variables"].as_object();
        let told: BTreeSet<&str> =
            variables.into_iter().chain([all]).flat_map(|all| all.keys().map(String::as_str)).collect();
        let code = code(&root().join("functions").join(&name).join("src"));
        for found in asks.captures_iter(&code) {
            assert!(
                told.contains(&found[1]),
                "{name} requires {}, which the template does not set",
                &found[1]
            );
        }
    }
}

/// Whoever admits pipelines and whoever performs their actions are told the same.
#[test]
fn the_default_role_serves_whom_the_parameter_may_name() {
    let template = Template::load();
    let pattern = template.0["Parameters"][PARAMETER]["AllowedPattern"].as_str().unwrap();
    assert_eq!(pattern, format!("|{}", ADDABLE.join("|")));
    let told: Vec<String> = template
        .functions()
        .into_iter()
        .filter(|(_, it)| !it.property("Environment")["Variables"]["DEFAULT_ROLE_PROVIDERS"].is_null())
        .map(|(name, _)| name)
        .collect();
    assert_eq!(told, ["action", "api", "artifact", "transition"]);
}

/// As [`the_default_role_serves_whom_the_parameter_may_name`], of the project's network, which its role may then join.
#[test]
fn the_network_of_commands_is_told_to_whoever_admits_and_starts_them() {
    let template = Template::load();
    let told: Vec<String> = template
        .functions()
        .into_iter()
        .filter(|(_, it)| !it.property("Environment")["Variables"]["COMMANDS_NETWORK"].is_null())
        .map(|(name, _)| name)
        .collect();
    assert_eq!(told, ["action", "api", "transition"]);
    let network = template.resource("CommandsProject").property("VpcConfig");
    assert_eq!(network["Fn::If"][0], "WithCommandsNetwork");
    let keys: BTreeSet<&str> = network["Fn::If"][1].as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(keys, BTreeSet::from(["SecurityGroupIds", "Subnets", "VpcId"]));
}

#[test]
fn one_build_makes_every_function() {
    let template = Template::load();
    let metadata = MetadataCommand::new().no_deps().current_dir(root()).exec().unwrap();
    let packages = metadata.workspace_metadata["lambda"]["build"]["packages"].as_array().unwrap();
    let built: BTreeSet<&str> = packages.iter().filter_map(Value::as_str).collect();
    let functions = template.functions();
    let declared: BTreeSet<String> = functions.keys().map(|name| format!("penstock-{name}")).collect();
    assert_eq!(built, declared.iter().map(String::as_str).collect());
    for (name, function) in functions {
        assert_eq!(function.whole["Metadata"]["BuildMethod"], "rust-cargolambda", "{name}");
        let package = format!("penstock-{name}");
        let package = metadata.packages.iter().find(|it| it.name.as_str() == package);
        let package = package.unwrap_or_else(|| panic!("functions/{name} has no package"));
        let binaries = package.targets.iter().filter(|target| target.is_bin()).count();
        assert_eq!(binaries, 1, "sam takes {name}'s only binary");
    }
}

#[test]
fn functions_run_on_arm64_untraced_and_the_sweeper_every_minute_unless_told_otherwise() {
    let template = Template::load();
    let globals = &template.0["Globals"]["Function"];
    assert_eq!(globals["Runtime"], "provided.al2023");
    assert_eq!(globals["Architectures"], json!([{"Ref": "Architecture"}]));
    assert_eq!(globals["Tracing"]["Fn::If"], json!(["WithTracing", "Active", "PassThrough"]));
    for function in template.functions().values() {
        for setting in ["Runtime", "Architectures", "Tracing"] {
            assert!(function.property(setting).is_null(), "{} has a {setting} of its own", function.name);
        }
    }
    let default = |name: &str| &template.0["Parameters"][name]["Default"];
    assert_eq!((default("Architecture"), default("Tracing")), (&json!("arm64"), &json!("false")));
    let schedule = template.resource("SweepSchedule");
    assert_eq!(schedule.property("ScheduleExpression"), "rate(1 minute)");
    assert!(schedule.property("State").is_null(), "it is on");
}

#[test]
fn the_outputs_say_what_to_do_next() {
    let template = Template::load();
    for name in [
        "ApiUrl",
        "ApprovalTopicArn",
        "ArtifactBucket",
        "FailureTopicArn",
        "JobsUrl",
        "NextCommands",
        "SweeperFunctionName",
        "TableName",
        "WebhookSecretArn",
        "WebhookUrl",
    ] {
        assert!(template.0["Outputs"][name]["Description"].is_string(), "there is no output {name}");
    }
}

/// All Rust code below `folder`.
fn code(folder: &Path) -> String {
    let mut all = String::new();
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            all.push_str(&code(&path));
        } else {
            all.push_str(&fs::read_to_string(&path).unwrap());
        }
    }
    all
}
