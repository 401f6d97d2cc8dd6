//! Templates in both forms, with branches, several pipelines and what only a deployment knows.

use proptest::prelude::*;

use super::*;
use crate::document;

const HEAD: &str =
    "AWSTemplateFormatVersion: 2010-09-09\nParameters:\n  Kind: {Type: String, Default: Build}\nResources:\n";

/// A pipeline resource whose build stage has these actions.
fn resource(id: &str, actions: &str) -> String {
    format!(
        "  {id}:\n    Type: AWS::CodePipeline::Pipeline\n    Properties:\n      Name: !Sub '${{AWS::StackName}}-web'\n      \
         RoleArn: !GetAtt Role.Arn\n      ArtifactStore: {{Type: S3, Location: !Ref Bucket}}\n      Stages:\n      - Name: Source\n        \
         Actions:\n        - Name: App\n          ActionTypeId: {{Category: Source, Owner: AWS, Provider: CodeCommit, Version: 1}}\n          \
         RunOrder: '1'\n          Configuration: {{RepositoryName: !Ref Repo, BranchName: main, PollForSourceChanges: false}}\n          \
         OutputArtifacts: [{{Name: App}}]\n      - Name: Build\n        Actions:\n{actions}"
    )
}

const BUILD: &str = "        - Name: Make\n          ActionTypeId: {Category: !Ref Kind, Owner: AWS, Provider: CodeBuild, Version: '1'}\n          \
                     Configuration: {ProjectName: !Ref Project}\n          InputArtifacts: [{Name: App}]\n";

fn imported(source: &str) -> Vec<Parsed> {
    import(&document::parse(source))
}

fn codes(parsed: &Parsed) -> Vec<&str> {
    parsed.diagnostics.iter().map(|found| found.code.as_str()).collect()
}

#[test]
fn keys_become_the_apis_and_functions_text() {
    let parsed = imported(&format!("{HEAD}{}", resource("Web", BUILD))).remove(0);
    assert_eq!(codes(&parsed), ["template"]);
    insta::assert_yaml_snapshot!(parsed.pipeline);
}

#[test]
fn json_templates_are_read() {
    let source = serde_json::json!({"Resources": {"Web": {"Type": PIPELINE, "Properties": {
    "RoleArn": {"Fn::GetAtt": ["Role", "Arn"]},
    "ArtifactStores": [{"Region": "eu-west-1", "ArtifactStore": {"Type": "S3", "Location": "bucket"}}],
    "RestartExecutionOnUpdate": true,
    "Stages": [
        {"Name": "Source", "Actions": [{"Name": "App", "OutputArtifacts": [{"Name": "App"}],
            "ActionTypeId": {"Category": "Source", "Owner": "AWS", "Provider": "S3", "Version": "1"},
            "Configuration": {"S3Bucket": {"Fn::Join": ["-", ["src", {"Ref": "AWS::Region"}]]}, "S3ObjectKey": "app.zip"}}]},
        {"Name": "Deploy", "Actions": [{"Name": "Stack", "InputArtifacts": [{"Name": "App"}],
            "ActionTypeId": {"Category": "Deploy", "Owner": "AWS", "Provider": "CloudFormation", "Version": "1"},
            "Configuration": {"ActionMode": "CREATE_UPDATE", "StackName": "web", "TemplatePath": "App::t.yml",
                "RoleArn": {"Ref": "AWS::NoValue"},
                "ParameterOverrides": {"Key": {"Fn::GetArtifactAtt": ["App", "ObjectKey"]}}}}]}
    ]}}}});
    let parsed = imported(&source.to_string()).remove(0);
    assert_eq!(
        codes(&parsed),
        ["template", "not-imported", "bucket-not-polled", "configuration-not-text"],
        "{:#?}",
        parsed.diagnostics
    );
    let pipeline = parsed.pipeline.unwrap();
    assert_eq!(pipeline.name.as_str(), "Web");
    assert!(pipeline.artifact_stores.unwrap().contains_key("eu-west-1"));
    assert_eq!(pipeline.stages[0].actions[0].configuration["S3Bucket"], "src-${AWS::Region}");
    let deploy = &pipeline.stages[1].actions[0].configuration;
    assert_eq!(deploy["ParameterOverrides"], r#"{"Key":{"Fn::GetArtifactAtt":["App","ObjectKey"]}}"#);
    assert!(!deploy.contains_key("RoleArn"));
}

#[test]
fn both_branches_are_checked() {
    let branches = |yes: &str, no: &str| {
        let actions = format!("        - Fn::If:\n          - Wanted\n          - {yes}\n          - {no}\n");
        imported(&format!("{HEAD}{}", resource("Web", &actions))).remove(0)
    };
    let action = |provider: &str| {
        format!(
            "{{Name: Make, ActionTypeId: {{Category: Build, Owner: AWS, Provider: {provider}, Version: '1'}}, Configuration: {{ProjectName: p}}, InputArtifacts: [{{Name: App}}]}}"
        )
    };
    let both = branches(&action("CodeBuild"), &action("CodeBuild"));
    assert_eq!(codes(&both), ["template"], "{:#?}", both.diagnostics);
    let one = branches(&action("CodeBuilt"), &action("CodeBuild"));
    assert!(one.pipeline.is_some());
    assert!(
        one.diagnostics
            .iter()
            .any(|found| found.code == "unknown-provider" && found.message.contains("other branch"))
    );
    let absent = branches(&action("CodeBuild"), "!Ref AWS::NoValue");
    assert_eq!(absent.pipeline.unwrap().stages[1].actions.len(), 1);
    let none = branches(&action("CodeBuilt"), &action("CodeBuilt"));
    assert!(none.pipeline.is_none());
}

#[test]
fn each_pipeline_of_a_template_is_imported() {
    let open = BUILD.replace("!Ref Kind", "!Ref Unset");
    let all = imported(&format!("{HEAD}{}{}", resource("One", BUILD), resource("Two", &open)));
    assert_eq!(all.len(), 2);
    assert!(all[0].pipeline.is_some());
    assert!(all[1].pipeline.is_none());
    assert_eq!(codes(&all[1]), ["template", "template-open"]);
}

#[test]
fn a_template_without_pipeline_says_so() {
    for source in ["AWSTemplateFormatVersion: 2010-09-09\n", "Resources: 3\n", ""] {
        assert_eq!(codes(&imported(source)[0]), ["template-without-pipeline"]);
    }
    let broken = imported("Resources: [");
    assert!(refuses(&broken[0].diagnostics));
    let empty = imported(&format!("{HEAD}  P: {{Type: {PIPELINE}}}\n"));
    assert!(refuses(&empty[0].diagnostics));
}

#[test]
fn a_template_is_no_definition() {
    let parsed = definition::parse(&format!("{HEAD}{}", resource("Web", BUILD)));
    assert_eq!(codes(&parsed), ["template"]);
    assert!(parsed.diagnostics[0].message.contains("imported, not run directly"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn nothing_panics(swaps in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>()), 0..4)) {
        let source = format!("{HEAD}{}", resource("Web", &format!("        - !If [A, !Ref AWS::NoValue, {{Name: !Join [x, [a, !Sub '${{B}}']]}}]\n{BUILD}")));
        let mut words: Vec<&str> = source.split_inclusive([' ', '\n', ',', '{', '[']).collect();
        for (one, other) in swaps {
            let (one, other) = (one.index(words.len()), other.index(words.len()));
            words.swap(one, other);
        }
        for parsed in imported(&words.concat()) {
            prop_assert!(parsed.pipeline.is_none() || !refuses(&parsed.diagnostics));
        }
    }
}
