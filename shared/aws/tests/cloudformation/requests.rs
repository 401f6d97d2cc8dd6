//! What `CloudFormation` is asked for, key by key, and where.

use penstock_app::port::provider::Provider;
use penstock_aws::access::{Access, WithoutRole};
use penstock_aws::artifacts::S3Artifacts;
use penstock_aws::provider::cloudformation::CloudFormation;

use super::recorder::{Recorder, Sent};
use super::stage::{Stage, end, perform, work};
use super::{TEMPLATE, deploys, succeeded};

const ROLE: &str = "arn:aws:iam::000000000000:role/cfn";
const CONFIGURATION: &str = r#"{"StackPolicy":{"Statement":[{"Effect":"Deny","Action":"Update:Delete","Principal":"*","Resource":"*"}]}}"#;

fn provider(stage: &Stage, recorder: &Recorder) -> CloudFormation {
    let sdk = recorder.sdk(&stage.config);
    let artifacts = S3Artifacts::new(&sdk, "artifacts");
    CloudFormation::new(Access::new(sdk, None, None), artifacts.into(), WithoutRole::Refused)
}

/// A parameter of the form, percent-encoded as it was sent.
fn parameter<'a>(sent: &'a Sent, name: &str) -> Option<&'a str> {
    sent.body.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
}

/// The only request of `operation`.
fn only(recorder: &Recorder, operation: &str) -> Sent {
    let all = recorder.sent_to("cloudformation");
    let mut all = all.into_iter().filter(|sent| parameter(sent, "Action") == Some(operation));
    let only = all.next().unwrap_or_else(|| panic!("there is no {operation}"));
    assert!(all.next().is_none(), "{operation} is called twice");
    only
}

#[tokio::test]
async fn role_capabilities_and_policy_go_with_creations_and_updates() {
    let stage = Stage::new().await;
    let recorder = Recorder::new();
    let provider = provider(&stage, &recorder);
    let changed = TEMPLATE.replace("Default: one", "Default: changed");
    for (number, template, operation) in [(1, TEMPLATE, "CreateStack"), (2, &changed, "UpdateStack")] {
        let files = [("template.yml", template), ("conf.json", CONFIGURATION)];
        let app = stage.artifact("asked", "App", &files).await;
        let action = deploys("CREATE_UPDATE", "asked")
            .set("RoleArn", ROLE)
            .set("Capabilities", "CAPABILITY_NAMED_IAM,CAPABILITY_AUTO_EXPAND")
            .set("TemplateConfiguration", "App::conf.json");
        let work = work("asked", number, action.build(), vec![app]);
        let begun = provider.start(&work, false).await.unwrap();
        let sent = only(&recorder, operation);
        assert_eq!(parameter(&sent, "RoleARN"), Some("arn%3Aaws%3Aiam%3A%3A000000000000%3Arole%2Fcfn"));
        assert_eq!(parameter(&sent, "Capabilities.member.1"), Some("CAPABILITY_NAMED_IAM"));
        assert_eq!(parameter(&sent, "Capabilities.member.2"), Some("CAPABILITY_AUTO_EXPAND"));
        let policy = parameter(&sent, "StackPolicyBody").unwrap();
        assert!(policy.contains("Update%3ADelete"), "{policy}");
        assert_eq!(parameter(&sent, "ClientRequestToken"), Some(work.attempt.token().as_str()));
        succeeded(end(&provider, &work, begun).await);
    }
}

#[tokio::test]
async fn a_stack_of_another_region_is_asked_for_there() {
    let stage = Stage::new().await;
    let recorder = Recorder::new();
    let app = stage.artifact("away", "App", &[("template.yml", TEMPLATE)]).await;
    let mut action = deploys("CREATE_UPDATE", "away").build();
    action.region = Some("eu-west-1".into());
    let done = succeeded(perform(&provider(&stage, &recorder), &work("away", 1, action, vec![app])).await);
    assert!(done.external.unwrap().id.starts_with("arn:aws:cloudformation:eu-west-1:"));
    let regions =
        recorder.sent_to("cloudformation").iter().map(|sent| sent.signed_for().0).collect::<Vec<_>>();
    assert!(!regions.is_empty() && regions.iter().all(|region| region == "eu-west-1"), "{regions:?}");
}
