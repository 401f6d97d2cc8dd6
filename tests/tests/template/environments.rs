//! `samconfig.toml`: what each environment deploys, and how.

use std::collections::BTreeSet;
use std::process::Command;

use penstock_testkit::python::{Environment, Requirements};
use serde_json::{Value, json};

use crate::document::{Template, root};

/// The file as JSON: Python reads it, as `sam` does.
fn samconfig() -> Value {
    let mut read = Command::new(Environment::of(Requirements::Sam).python());
    read.args([
        "-c",
        "import json, sys, tomllib; json.dump(tomllib.load(open(sys.argv[1], 'rb')), sys.stdout)",
    ]);
    let read = read.arg(root().join("samconfig.toml")).output().unwrap();
    assert!(read.status.success(), "{}", String::from_utf8_lossy(&read.stderr));
    serde_json::from_slice(&read.stdout).unwrap()
}

/// The parameters of an environment's command, and those of all of its commands.
fn parameters(config: &Value, environment: &str, command: &str) -> Value {
    let of = |command: &str| config[environment][command]["parameters"].clone();
    let (mut all, own) = (of("global"), of(command));
    for (name, value) in own.as_object().into_iter().flatten() {
        all[name] = value.clone();
    }
    all
}

/// `NAME=VALUE NAME=VALUE`, one by one.
fn pairs(parameters: &Value, name: &str) -> Vec<(String, String)> {
    let text = parameters[name].as_str().unwrap_or_default();
    text.split_whitespace()
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or_else(|| panic!("{pair} has no value"));
            (name.to_owned(), value.to_owned())
        })
        .collect()
}

const ENVIRONMENTS: [&str; 3] = ["default", "dev", "prod"];

#[test]
fn every_environment_builds_and_deploys_without_questions_of_its_own() {
    let config = samconfig();
    let found: BTreeSet<&str> = config.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(found, [&ENVIRONMENTS[..], &["version"]].concat().into_iter().collect());
    for environment in ENVIRONMENTS {
        let build = parameters(&config, environment, "build");
        assert_eq!(build["beta_features"], true, "{environment}: sam builds Rust as a beta feature only");
        assert!(build["cached"].is_null(), "{environment}: the cache misses shared/");
        assert_eq!(parameters(&config, environment, "validate")["lint"], true, "{environment}");
        let deploy = parameters(&config, environment, "deploy");
        assert_eq!(deploy["resolve_s3"], true, "{environment}");
        assert_eq!(deploy["s3_prefix"], deploy["stack_name"], "{environment}: what is uploaded does not mix");
        assert_eq!(deploy["capabilities"], "CAPABILITY_IAM CAPABILITY_AUTO_EXPAND", "{environment}");
        assert_eq!(
            deploy["confirm_changeset"],
            environment == "prod",
            "{environment}: people look before prod"
        );
        assert_eq!(
            build["parameter_overrides"], deploy["parameter_overrides"],
            "{environment}: it is built for what is deployed"
        );
    }
}

#[test]
fn dev_and_prod_differ_and_dev_is_what_is_meant_without_a_name() {
    let config = samconfig();
    assert_eq!(config["default"], config["dev"]);
    let (dev, prod) = (parameters(&config, "dev", "deploy"), parameters(&config, "prod", "deploy"));
    assert_eq!((&dev["stack_name"], &prod["stack_name"]), (&json!("penstock-dev"), &json!("penstock-prod")));
    let (dev, prod) = (pairs(&dev, "parameter_overrides"), pairs(&prod, "parameter_overrides"));
    let text = |pairs: &[(String, String)]| -> Vec<String> {
        pairs.iter().map(|(name, value)| format!("{name}={value}")).collect()
    };
    assert_eq!(
        text(&dev),
        ["DefaultBranch=develop", "KeepData=Delete", "LogRetentionDays=7", "Alarms=false"]
    );
    assert_eq!(text(&prod), ["DefaultBranch=main", "KeepData=Retain", "LogRetentionDays=90", "Alarms=true"]);
}

#[test]
fn what_an_environment_sets_is_what_the_template_takes() {
    let (config, template) = (samconfig(), Template::load());
    for environment in ENVIRONMENTS {
        for (name, value) in pairs(&parameters(&config, environment, "deploy"), "parameter_overrides") {
            let parameter = &template.0["Parameters"][&name];
            assert!(parameter.is_object(), "{environment}: there is no parameter {name}");
            let allowed = parameter["AllowedValues"].as_array();
            let is_it = |it: &Value| it.as_str().map_or_else(|| it.to_string(), str::to_owned) == value;
            assert!(allowed.is_none_or(|all| all.iter().any(is_it)), "{environment}: {name} is not {value}");
        }
    }
}

/// `CloudFormation` gives a stack's tags to all that can be tagged: so alarms, log groups and rules have some too.
#[test]
fn what_can_be_tagged_is() {
    let (config, template) = (samconfig(), Template::load());
    for environment in ENVIRONMENTS {
        let tags = pairs(&parameters(&config, environment, "deploy"), "tags");
        let of = if environment == "prod" { "prod" } else { "dev" };
        let expected = [("project", "penstock"), ("environment", of)];
        assert_eq!(tags, expected.map(|(name, value)| (name.to_owned(), value.to_owned())), "{environment}");
    }
    let tagged = [
        "AWS::ApiGatewayV2::Api",
        "AWS::ApiGatewayV2::Stage",
        "AWS::CodeBuild::Project",
        "AWS::DynamoDB::Table",
        "AWS::IAM::Role",
        "AWS::S3::Bucket",
        "AWS::SNS::Topic",
        "AWS::SQS::Queue",
        "AWS::SecretsManager::Secret",
    ];
    let stack = json!({"Ref": "AWS::StackName"});
    for resource in tagged.into_iter().flat_map(|kind| template.of_type(kind)) {
        let tags = resource.property("Tags");
        let as_list = json!({"Key": "penstock:stack", "Value": stack});
        let is_tagged =
            tags["penstock:stack"] == stack || tags.as_array().is_some_and(|tags| tags.contains(&as_list));
        assert!(is_tagged, "{} does not say of which stack it is", resource.name);
    }
    assert_eq!(template.0["Globals"]["Function"]["Tags"]["penstock:stack"], stack);
}
