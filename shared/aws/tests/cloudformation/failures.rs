//! What fails says which resource failed and why; a failed stack is replaced only where that is asked for.

use penstock_app::engine::state::External;
use penstock_app::port::provider::Ending;

use super::stage::{Stage, perform, work};
use super::{TAKING, TEMPLATE, beginnings, client, deploys, failed, provider, succeeded, taken};

/// The message of a failure and the stack on which it happened.
fn failed_on(ending: Ending) -> (String, External) {
    let Ending::Failed { error, external: Some(external) } = ending else { panic!("{ending:?}") };
    assert_eq!(error.code, "JobFailed");
    (error.message, external)
}

#[tokio::test]
async fn a_creation_names_the_resource_that_failed_and_is_replaced_when_asked() {
    let stage = Stage::new().await;
    let ssm = taken(&stage, "/taken/at-creation").await;
    let app = stage.artifact("taken", "App", &[("template.yml", TAKING)]).await;
    let provider = provider(&stage);
    let deploy = |mode: &str, name: &str| {
        let overrides = format!(r#"{{"Name":"{name}"}}"#);
        deploys(mode, "taken").set("ParameterOverrides", &overrides).build()
    };
    let bad = deploy("CREATE_UPDATE", "/taken/at-creation");
    let (why, first) = failed_on(perform(&provider, &work("taken", 1, bad, vec![app.clone()])).await);
    assert!(
        why.starts_with("the stack `taken` ended with ROLLBACK_COMPLETE: `Setting` (AWS::SSM::Parameter): "),
        "{why}"
    );
    assert!(why.contains("already exists"), "{why}");
    assert!(first.id.contains(":stack/taken/"), "{}", first.id);

    let good = deploy("CREATE_UPDATE", "/free/at-creation");
    let (why, _) = failed_on(perform(&provider, &work("taken", 2, good, vec![app.clone()])).await);
    assert!(why.contains("is in ROLLBACK_COMPLETE") && why.contains("REPLACE_ON_FAILURE"), "{why}");

    let bad = deploy("REPLACE_ON_FAILURE", "/taken/at-creation");
    let (why, second) = failed_on(perform(&provider, &work("taken", 3, bad, vec![app.clone()])).await);
    assert!(why.contains("ROLLBACK_COMPLETE: `Setting`"), "{why}");
    assert_ne!(first.id, second.id, "it was deleted and created anew");

    let replace = work("taken", 4, deploy("REPLACE_ON_FAILURE", "/free/at-creation"), vec![app]);
    let token = replace.attempt.token();
    let done = succeeded(perform(&provider, &replace).await);
    let third = done.external.unwrap();
    assert_eq!(done.summary.unwrap(), "stack taken: CREATE_COMPLETE");
    assert_ne!(second.id, third.id);
    assert_eq!(beginnings(&stage, &third.id, "CREATE_IN_PROGRESS").await, [token]);
    let theirs = ssm.get_parameter().name("/taken/at-creation").send().await.unwrap();
    assert_eq!(theirs.parameter().unwrap().value(), Some("theirs"), "nobody touched what is not ours");
}

#[tokio::test]
async fn an_update_goes_back_and_names_the_resource_that_failed() {
    let stage = Stage::new().await;
    drop(taken(&stage, "/taken/at-update").await);
    let app = stage.artifact("update", "App", &[("template.yml", TAKING)]).await;
    let provider = provider(&stage);
    let deploy = |mode: &str, name: &str| {
        let overrides = format!(r#"{{"Name":"{name}"}}"#);
        deploys(mode, "update").set("ParameterOverrides", &overrides).build()
    };
    let free = deploy("CREATE_UPDATE", "/free/at-update");
    let stack = succeeded(perform(&provider, &work("update", 1, free, vec![app.clone()])).await).external;
    let bad = deploy("CREATE_UPDATE", "/taken/at-update");
    let (why, on) = failed_on(perform(&provider, &work("update", 2, bad, vec![app.clone()])).await);
    assert!(
        why.starts_with("the stack `update` ended with UPDATE_ROLLBACK_COMPLETE: `Setting` (AWS::SSM::"),
        "{why}"
    );
    assert_eq!(stack.as_ref(), Some(&on));
    // It went back by itself: there is nothing to replace.
    let good = deploy("REPLACE_ON_FAILURE", "/freed/at-update");
    let done = succeeded(perform(&provider, &work("update", 3, good, vec![app])).await);
    assert_eq!(done.summary.unwrap(), "stack update: UPDATE_COMPLETE");
    assert_eq!(done.external, stack);
}

/// `CloudFormation` says of such failures only that there are some, and where to ask.
#[tokio::test]
async fn what_is_refused_before_the_deployment_is_named() {
    let stage = Stage::new().await;
    stage.bucket("somebodys-bucket", false).await;
    let template =
        "Resources:\n  Site: {Type: 'AWS::S3::Bucket', Properties: {BucketName: somebodys-bucket}}\n";
    let app = stage.artifact("early", "App", &[("template.yml", template)]).await;
    let create = work("early", 1, deploys("CREATE_UPDATE", "early").build(), vec![app]);
    let (why, _) = failed_on(perform(&provider(&stage), &create).await);
    assert!(why.contains("`Site` (AWS::S3::Bucket): ") && why.contains("somebodys-bucket"), "{why}");
}

#[tokio::test]
async fn what_cloudformation_refuses_is_the_reason_and_leaves_no_stack() {
    let stage = Stage::new().await;
    let lost = TEMPLATE.replace("AWS::SSM::Parameter", "AWS::SSM::Lost");
    let files = [("template.yml", TEMPLATE), ("lost.yml", &lost)];
    let asks = format!(
        "Parameters: {{Asked: {{Type: String}}}}\n{}",
        &TEMPLATE[TEMPLATE.find("Resources").unwrap()..]
    );
    let files = [&files[..], &[("text.yml", "not a template"), ("asks.yml", asks.as_str())]].concat();
    let app = stage.artifact("refused-by-it", "App", &files).await;
    let provider = provider(&stage);
    let deploy = || deploys("CREATE_UPDATE", "refused-by-it");
    let cases = [
        (deploy().set("TemplatePath", "App::asks.yml"), "Asked"),
        (deploy().set("TemplatePath", "App::lost.yml"), "Lost"),
        (deploy().set("TemplatePath", "App::text.yml"), "Template"),
    ];
    for (number, (action, said)) in (1..).zip(cases) {
        let create = work("refused-by-it", number, action.build(), vec![app.clone()]);
        let why = failed(perform(&provider, &create).await);
        assert!(why.starts_with("failed to create the stack `refused-by-it`: "), "{why}");
        assert!(why.contains(said), "{why}");
        assert!(client(&stage).describe_stacks().stack_name("refused-by-it").send().await.is_err());
    }
}

#[tokio::test]
async fn a_change_set_that_fails_when_executed_names_its_resource() {
    let stage = Stage::new().await;
    drop(taken(&stage, "/taken/by-a-set").await);
    let app = stage.artifact("set-fails", "App", &[("template.yml", TAKING)]).await;
    let provider = provider(&stage);
    let make = |overrides: &str| {
        let make = deploys("CHANGE_SET_REPLACE", "set-fails").set("ChangeSetName", "next");
        make.set("ParameterOverrides", overrides).build()
    };
    let made = work("set-fails", 2, make(r#"{"Name":"/taken/by-a-set"}"#), vec![app.clone()]);
    succeeded(perform(&provider, &made).await);
    let execute = deploys("CHANGE_SET_EXECUTE", "set-fails").set("ChangeSetName", "next").build();
    let (why, _) = failed_on(perform(&provider, &work("set-fails", 3, execute, vec![app])).await);
    assert!(why.contains("ended with ROLLBACK_COMPLETE: `Setting` (AWS::SSM::Parameter): "), "{why}");
}

#[tokio::test]
async fn a_deletion_that_fails_names_what_stands_in_its_way() {
    let stage = Stage::new().await;
    let network = "Resources:\n  Net: {Type: 'AWS::EC2::VPC', Properties: {CidrBlock: 10.9.0.0/16}}\nOutputs:\n  Id: {Value: !Ref Net}\n";
    let used = "Parameters: {Net: {Type: String}}\nResources:\n  Part: {Type: 'AWS::EC2::Subnet', Properties: {VpcId: !Ref Net, CidrBlock: 10.9.1.0/24}}\n";
    let app = stage.artifact("kept", "App", &[("template.yml", network), ("used.yml", used)]).await;
    let provider = provider(&stage);
    let deploy = |mode: &str| deploys(mode, "kept").build();
    let create = work("kept", 1, deploy("CREATE_UPDATE"), vec![app.clone()]);
    let net = succeeded(perform(&provider, &create).await).variables["Id"].clone();
    let user = |mode: &str| {
        let user = deploys(mode, "kept-user").set("TemplatePath", "App::used.yml");
        user.set("ParameterOverrides", &format!(r#"{{"Net":"{net}"}}"#)).build()
    };
    succeeded(perform(&provider, &work("kept", 2, user("CREATE_UPDATE"), vec![app.clone()])).await);

    let delete = work("kept", 3, deploy("DELETE_ONLY"), vec![app.clone()]);
    let (why, _) = failed_on(perform(&provider, &delete).await);
    assert!(why.starts_with("the stack `kept` ended with DELETE_FAILED: `Net` (AWS::EC2::VPC): "), "{why}");
    let replace = deploy("REPLACE_ON_FAILURE");
    let (why, _) = failed_on(perform(&provider, &work("kept", 4, replace.clone(), vec![app.clone()])).await);
    assert!(why.starts_with("the stack `kept` could not be deleted (DELETE_FAILED): `Net` "), "{why}");

    succeeded(perform(&provider, &work("kept", 5, user("DELETE_ONLY"), vec![app.clone()])).await);
    let done = succeeded(perform(&provider, &work("kept", 6, replace, vec![app])).await);
    assert_eq!(done.summary.unwrap(), "stack kept: CREATE_COMPLETE");
}
