//! Stacks are created, updated, replaced and deleted.

use penstock_app::port::artifacts::Artifacts;
use penstock_archive::read_entry;
use penstock_aws::access::{Access, WithoutRole};
use penstock_aws::provider::cloudformation::CloudFormation;
use penstock_aws::sdk::Sdk;

use super::stage::{Stage, perform, work};
use super::{TEMPLATE, client, deploys, failed, provider, succeeded};

#[tokio::test]
async fn a_stack_is_created_then_updated_and_hands_on_its_outputs() {
    let stage = Stage::new().await;
    let files = [
        ("template.yml", TEMPLATE),
        ("conf.json", r#"{"Parameters":{"Value":"configured","Other":"configured"},"Tags":{"team":"web"}}"#),
        ("image.json", r#"{"Uri":"repo@sha256:1"}"#),
    ];
    let app = stage.artifact("create", "App", &files).await;
    let provider = provider(&stage);

    let action = deploys("CREATE_UPDATE", "create").build();
    let done = succeeded(perform(&provider, &work("create", 1, action.clone(), vec![app.clone()])).await);
    assert_eq!(done.variables["Chosen"], "one");
    assert!(done.artifacts.is_empty());
    let external = done.external.unwrap();
    assert!(external.id.starts_with("arn:aws:cloudformation:us-east-1:"), "{}", external.id);
    assert!(external.url.unwrap().contains("#/stacks/stackinfo?stackId=arn:"));

    let again = succeeded(perform(&provider, &work("create", 2, action, vec![app.clone()])).await);
    assert_eq!(again.summary.unwrap(), "stack create: no changes");
    assert_eq!(again.variables["Chosen"], "one");

    let action = deploys("CREATE_UPDATE", "create")
        .set("TemplateConfiguration", "App::conf.json")
        .set(
            "ParameterOverrides",
            r#"{"Value":{"Fn::GetParam":["App","image.json","Uri"]},"Other":{"Fn::GetArtifactAtt":["App","ObjectKey"]}}"#,
        )
        .set("OutputFileName", "out/outputs.json")
        .produces("Outputs")
        .build();
    let done = succeeded(perform(&provider, &work("create", 3, action, vec![app.clone()])).await);
    assert_eq!(done.variables["Chosen"], "repo@sha256:1");
    assert_eq!(done.variables["Second"], app.key);
    let folder = tempfile::tempdir().unwrap();
    let zip = folder.path().join("outputs.zip");
    stage.artifacts.fetch(&done.artifacts[0], &zip).await.unwrap();
    let json = read_entry(&zip, "out/outputs.json", 1000).unwrap().unwrap();
    let json: serde_json::Value = serde_json::from_slice(&json).unwrap();
    assert_eq!(json, serde_json::json!({"Chosen": "repo@sha256:1", "Second": app.key}));
    let stacks = client(&stage).describe_stacks().stack_name("create").send().await.unwrap();
    let tags: Vec<_> = stacks.stacks()[0].tags().iter().filter_map(|tag| tag.value()).collect();
    assert_eq!(tags, ["web"]);
}

#[tokio::test]
async fn a_stack_is_deleted_and_an_absent_one_is_well() {
    let stage = Stage::new().await;
    let app = stage.artifact("delete", "App", &[("template.yml", TEMPLATE)]).await;
    let provider = provider(&stage);
    let delete = deploys("DELETE_ONLY", "delete").build();
    let done = succeeded(perform(&provider, &work("delete", 1, delete.clone(), vec![app.clone()])).await);
    assert_eq!(done.summary.unwrap(), "stack delete: there is none to delete");

    let create = deploys("CREATE_UPDATE", "delete").build();
    succeeded(perform(&provider, &work("delete", 2, create, vec![app.clone()])).await);
    let done = succeeded(perform(&provider, &work("delete", 3, delete, vec![app])).await);
    assert_eq!(done.summary.unwrap(), "stack delete: DELETE_COMPLETE");
    assert!(client(&stage).describe_stacks().stack_name("delete").send().await.is_err());
}

#[tokio::test]
async fn a_template_too_large_for_a_call_goes_by_a_link() {
    let stage = Stage::new().await;
    let padding = "# a comment that makes the template large\n".repeat(1500);
    let app = stage.artifact("large", "App", &[("template.yml", &format!("{padding}{TEMPLATE}"))]).await;
    let action = deploys("CREATE_UPDATE", "large").build();
    let done = succeeded(perform(&provider(&stage), &work("large", 1, action, vec![app])).await);
    assert_eq!(done.variables["Chosen"], "one");
}

#[tokio::test]
async fn what_is_wrong_with_the_inputs_is_said() {
    let stage = Stage::new().await;
    let app = stage.artifact("wrong", "App", &[("template.yml", TEMPLATE), ("conf.json", "[")]).await;
    let provider = provider(&stage);
    let cases = [
        (
            deploys("CREATE_UPDATE", "wrong").set("TemplatePath", "App::missing.yml"),
            "no file `App::missing.yml`",
        ),
        (deploys("CREATE_UPDATE", "wrong").set("TemplateConfiguration", "App::conf.json"), "no JSON"),
    ];
    for (number, (action, said)) in (1..).zip(cases) {
        let why = failed(perform(&provider, &work("wrong", number, action.build(), vec![app.clone()])).await);
        assert!(why.contains(said), "{why}");
    }
}

#[tokio::test]
async fn without_a_role_of_its_own_it_is_refused_where_there_is_a_default_one() {
    let stage = Stage::new().await;
    let default = Some("arn:aws:iam::000000000000:role/default".to_owned());
    let access = Access::new(Sdk::from_config(stage.config.clone()), default, None);
    let provider = CloudFormation::new(access, stage.artifacts.clone(), WithoutRole::Refused);
    let action = deploys("DELETE_ONLY", "refused").build();
    let why = failed(perform(&provider, &work("refused", 1, action, vec![])).await);
    assert!(why.contains("set roleArn"), "{why}");
}
