//! A build is started once, whatever becomes of the answer.

use penstock_app::port::provider::Provider;
use penstock_testkit::build::ActionBuilder;

use super::providers::running;
use super::stage::{Stage, greeting};

#[tokio::test]
async fn an_answer_that_is_lost_is_asked_for_again_with_the_same_token() {
    let stage = Stage::new("once-repeated").await;
    let work = stage.work(greeting("world").build()).await;
    stage.place.stand_in.lose_next_answer("StartBuild");
    let external = running(&stage.code_build(), &work, false).await;
    assert_eq!(stage.count("StartBuild"), 2, "the SDK repeats it");
    let [build] = stage.place.stand_in.builds("web").try_into().unwrap();
    assert_eq!(build["id"], external.id.as_str());
}

#[tokio::test]
async fn who_takes_a_claim_over_finds_the_build_and_starts_none() {
    let stage = Stage::new("once-found").await;
    taken_over(&stage, greeting("world"), "StartBuild").await;
    assert_eq!(stage.place.stand_in.builds("web").len(), 2);
}

#[tokio::test]
async fn who_takes_a_claim_over_finds_the_batch_and_starts_none() {
    let stage = Stage::new("once-batch").await;
    taken_over(&stage, greeting("world").set("BatchEnabled", "true"), "StartBuildBatch").await;
    assert_eq!(stage.place.stand_in.batches("web").len(), 2);
}

/// Another attempt's, then ours, whose answers are all lost.
async fn taken_over(stage: &Stage, action: ActionBuilder, operation: &str) {
    let provider = stage.code_build();
    let work = stage.work(action.build()).await;
    let mut other = work.clone();
    other.attempt.number = 2;
    // Nothing is there yet, so that taking over begins it.
    let others = running(&provider, &other, true).await;
    (0..3).for_each(|_| stage.place.stand_in.lose_next_answer(operation));
    let lost = provider.start(&work, false).await.unwrap_err();
    assert!(lost.retryable, "{lost:?}");
    let started = stage.count(operation);
    let found = running(&provider, &work, true).await;
    assert_ne!(found.id, others.id);
    assert_eq!(running(&provider, &work, true).await, found);
    assert_eq!(stage.count(operation), started, "it is looked for, not started");
}
