//! A stop takes back what can be taken back, waits for the rest and leaves the work of others alone.

use std::time::{Duration, Instant};

use penstock_app::port::provider::{Begun, Ending, Observation, Provider, Work};
use penstock_aws::provider::cloudformation::CloudFormation;

use super::stage::{Stage, perform, work};
use super::{TEMPLATE, beginnings, client, deploys, failed, provider, succeeded, taken};

/// Waits three seconds for a signal that nobody sends, then goes on with `Late`.
const SLOW: &str = r"
Parameters:
  Value: {Type: String, Default: one}
Resources:
  Setting:
    Type: AWS::SSM::Parameter
    Properties: {Type: String, Value: !Ref Value}
  Handle: {Type: 'AWS::CloudFormation::WaitConditionHandle'}
  Wait:
    Type: AWS::CloudFormation::WaitCondition
    DependsOn: Setting
    Properties: {Handle: !Ref Handle, Timeout: '3', Count: 1}
  Late:
    Type: AWS::SSM::Parameter
    DependsOn: Wait
    Properties: {Type: String, Value: late}
";

#[tokio::test]
async fn an_update_is_cancelled_and_a_creation_runs_to_its_end() {
    let stage = Stage::new().await;
    let app = stage.artifact("cancel", "App", &[("template.yml", TEMPLATE)]).await;
    let slow = stage.artifact("slow", "App", &[("template.yml", SLOW)]).await;
    let provider = provider(&stage);
    let action = deploys("CREATE_UPDATE", "cancel").build();
    succeeded(perform(&provider, &work("cancel", 1, action.clone(), vec![app])).await);

    for (number, stack) in [(2, "cancel"), (3, "cancel-creation")] {
        let action = deploys("CREATE_UPDATE", stack).build();
        let work = work("cancel", number, action, vec![slow.clone()]);
        let Begun::Running(external) = provider.start(&work, false).await.unwrap() else {
            panic!("it does not run");
        };
        assert_eq!(provider.cancel(&work, Some(&external)).await.unwrap(), Observation::Running);
        let deadline = Instant::now() + Duration::from_secs(60);
        let end = loop {
            let seen = provider.cancel(&work, Some(&external)).await.unwrap();
            if seen != Observation::Running {
                break seen;
            }
            assert!(Instant::now() < deadline, "{stack} does not end");
            tokio::time::sleep(Duration::from_millis(100)).await;
        };
        assert_eq!(end, Observation::Ended(Ending::Cancelled));
    }
    let cancelled = beginnings(&stage, "cancel", "UPDATE_ROLLBACK_IN_PROGRESS").await;
    // The emulator names the update's token here, not the cancellation's.
    assert_eq!(cancelled.len(), 1, "{cancelled:?}");
    let never = work("cancel", 4, deploys("CREATE_UPDATE", "never").build(), vec![]);
    assert_eq!(provider.cancel(&never, None).await.unwrap(), Observation::Gone);
}

/// Cancels again and again until that is confirmed.
async fn cancelled(provider: &CloudFormation, work: &Work, begun: Begun) -> Ending {
    let Begun::Running(external) = begun else { panic!("{begun:?}") };
    let deadline = Instant::now() + Duration::from_secs(60);
    while Instant::now() < deadline {
        match provider.cancel(work, Some(&external)).await.unwrap() {
            Observation::Running => tokio::time::sleep(Duration::from_millis(100)).await,
            Observation::Ended(ending) => return ending,
            Observation::Gone => panic!("it is gone"),
        }
    }
    panic!("{} does not end", external.id)
}

#[tokio::test]
async fn a_replacement_that_is_stopped_creates_nothing_more() {
    let stage = Stage::new().await;
    let provider = provider(&stage);
    let app = failed_stack(&stage, &provider, "stop-early").await;
    let action = deploys("REPLACE_ON_FAILURE", "stop-early").build();
    let replace = work("stop-early", 2, action, vec![app]);
    let begun = provider.start(&replace, false).await.unwrap();
    assert_eq!(cancelled(&provider, &replace, begun).await, Ending::Cancelled);
    assert!(client(&stage).describe_stacks().stack_name("stop-early").send().await.is_err());
}

#[tokio::test]
async fn the_creation_of_a_replacement_is_known_to_run() {
    let stage = Stage::new().await;
    let provider = provider(&stage);
    drop(failed_stack(&stage, &provider, "stop-late").await);
    let slow = stage.artifact("stop-late-slow", "App", &[("template.yml", SLOW)]).await;
    let action = deploys("REPLACE_ON_FAILURE", "stop-late").build();
    let replace = work("stop-late", 2, action, vec![slow]);
    let begun = provider.start(&replace, false).await.unwrap();
    let Begun::Running(external) = &begun else { panic!("{begun:?}") };
    let deadline = Instant::now() + Duration::from_secs(60);
    let anew = loop {
        assert!(Instant::now() < deadline, "it is not created anew");
        provider.observe(&replace, external).await.unwrap();
        let found = client(&stage).describe_stacks().stack_name("stop-late").send().await.ok();
        let id = found.and_then(|found| found.stacks()[0].stack_id().map(ToOwned::to_owned));
        match id.filter(|id| *id != external.id) {
            Some(id) => break id,
            None => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    };
    assert_eq!(beginnings(&stage, &anew, "CREATE_IN_PROGRESS").await, [replace.attempt.token()]);
    assert_eq!(provider.cancel(&replace, Some(external)).await.unwrap(), Observation::Running);
    assert_eq!(cancelled(&provider, &replace, begun).await, Ending::Cancelled);
    let found = client(&stage).describe_stacks().stack_name(&anew).send().await.unwrap();
    let status = found.stacks()[0].stack_status().unwrap().as_str().to_owned();
    assert_eq!(status, "ROLLBACK_COMPLETE", "a creation runs to its end");
}

#[tokio::test]
async fn what_others_began_since_is_not_taken_back() {
    let stage = Stage::new().await;
    let provider = provider(&stage);
    let app = stage.artifact("theirs", "App", &[("template.yml", TEMPLATE)]).await;
    let slow = stage.artifact("theirs-slow", "App", &[("template.yml", SLOW)]).await;
    let action = deploys("CREATE_UPDATE", "theirs").build();
    let ours = work("theirs", 1, action.clone(), vec![app]);
    let external = succeeded(perform(&provider, &ours).await).external.unwrap();
    let theirs = work("theirs", 2, action, vec![slow]);
    let begun = provider.start(&theirs, false).await.unwrap();
    assert!(matches!(begun, Begun::Running(_)), "{begun:?}");
    for known in [Some(&external), None] {
        let seen = provider.cancel(&ours, known).await.unwrap();
        assert_eq!(seen, Observation::Ended(Ending::Cancelled), "ours has ended");
    }
    let why = failed(super::stage::end(&provider, &theirs, begun).await);
    assert!(why.contains("`Wait`"), "theirs went on until it failed: {why}");
}

/// A stack in `ROLLBACK_COMPLETE`; an artifact with a template that works.
async fn failed_stack(
    stage: &Stage,
    provider: &CloudFormation,
    stack: &str,
) -> penstock_model::artifact::Artifact {
    let name = format!("/taken/{stack}");
    drop(taken(stage, &name).await);
    let template = super::TAKING.replace("/not/given", &name);
    let bad = stage.artifact(&format!("{stack}-bad"), "App", &[("template.yml", &template)]).await;
    let create = work(stack, 1, deploys("CREATE_UPDATE", stack).build(), vec![bad]);
    let why = failed(perform(provider, &create).await);
    assert!(why.contains("ROLLBACK_COMPLETE"), "{why}");
    stage.artifact(stack, "App", &[("template.yml", TEMPLATE)]).await
}
