//! A call whose acknowledgement nobody saw is made again under the same job's id.

use std::time::Duration;

use penstock_app::engine::state::External;
use penstock_app::jobs::{Answer, CONTINUATION, JobId, JobRecords};
use penstock_app::port::outputs::Outputs;
use penstock_app::port::provider::{Observation, Provider};
use penstock_model::id::AttemptId;
use penstock_testkit::build::name;
use serde_json::json;
use sha2::{Digest, Sha256};

use super::providers::{running, succeeded};
use super::stage::Stage;

#[tokio::test]
async fn who_takes_a_claim_over_calls_again_what_may_not_have_been_called() {
    let stage = Stage::new().await;
    let work = stage.work("succeed");
    stage.records.die_before_the_acknowledgement();
    let lost = stage.provider.start(&work, false).await.unwrap_err();
    assert!(lost.retryable, "{lost:?}");
    let external = running(&stage.provider, &work, true).await;
    let (first, second) = (stage.answered(1).await, stage.answered(2).await);
    assert_eq!(first.body["jobId"], second.body["jobId"]);
    // Now it is known to have been called.
    assert_eq!(running(&stage.provider, &work, true).await, external);
    stage.keep_next_answer().await;
    succeeded(stage.ending(&work, &external).await);
}

#[tokio::test]
async fn who_observes_calls_again_after_a_minute() {
    let stage = Stage::new().await;
    let work = stage.work("continue");
    let external = running(&stage.provider, &work, false).await;
    stage.keep_next_answer().await;
    stage.clock.advance(CONTINUATION);
    stage.records.die_before_the_acknowledgement();
    assert!(stage.provider.observe(&work, &external).await.unwrap_err().retryable);
    assert_eq!(stage.provider.observe(&work, &external).await.unwrap(), Observation::Running);
    let second = stage.answered(2).await;
    stage.clock.advance(Duration::from_secs(90));
    assert_eq!(stage.provider.observe(&work, &external).await.unwrap(), Observation::Running);
    assert_eq!(stage.answered(3).await.body["jobId"], second.body["jobId"]);
    stage.keep_next_answer().await;
    succeeded(stage.ending(&work, &external).await);
}

#[tokio::test]
async fn the_same_attempt_elsewhere_has_a_job_of_another_id() {
    let (here, there) = (Stage::new().await, Stage::new().await);
    let work = here.work("succeed");
    let (one, other) =
        (running(&here.provider, &work, false).await, running(&there.provider, &work, false).await);
    assert_ne!(one.id, other.id, "it follows from nothing that others know");
}

/// The release before called functions under ids that follow from the attempt.
#[tokio::test]
async fn what_the_release_before_began_is_waited_for_under_its_id() {
    let stage = Stage::new().await;
    let work = stage.work("succeed");
    let mut bytes = Sha256::digest(format!("job {} 1", work.attempt));
    bytes[6] = bytes[6] & 0x0f | 0x80;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex = hex::encode(&bytes[..16]);
    let id = format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]);
    let invocation = json!({
        "pipeline": work.pipeline, "attempt": work.attempt, "round": 1, "at": super::providers::now(),
    });
    for (what, record) in [("invocation", invocation), ("called", json!(true))] {
        let place = AttemptId { execution: name(&id), stage: name("job"), action: name(what), number: 0 };
        stage.records.put(&place, &[("record".to_owned(), record.to_string())].into()).await.unwrap();
    }

    let external = External { id: id.clone(), url: None };
    stage.clock.advance(Duration::from_secs(90));
    assert_eq!(stage.provider.observe(&work, &external).await.unwrap(), Observation::Running);
    assert_eq!(running(&stage.provider, &work, true).await.id, id, "it is taken over, and not called again");
    let answer = Answer::Succeeded { variables: [].into(), summary: None };
    let job: JobId = id.parse().unwrap();
    JobRecords::new(stage.records.clone()).answer(&job, &answer).await.unwrap();
    succeeded(stage.ending(&work, &external).await);
}
