//! A call whose acknowledgement nobody saw is made again under the same job's id.

use std::time::Duration;

use penstock_app::port::provider::{Observation, Provider};

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
