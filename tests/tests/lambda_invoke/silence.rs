//! A function that does not answer: how long it is waited for, and what a stop does.

use std::time::Duration;

use penstock_app::port::provider::{Observation, Provider};

use super::providers::{failed, running, succeeded};
use super::stage::Stage;

#[tokio::test]
async fn a_function_that_does_not_answer_has_failed_after_twenty_minutes() {
    let stage = Stage::new().await;
    let work = stage.work("succeed");
    let external = running(&stage.provider, &work, false).await;
    stage.clock.advance(Duration::from_secs(19 * 60));
    assert_eq!(stage.provider.observe(&work, &external).await.unwrap(), Observation::Running);
    stage.clock.advance(Duration::from_secs(2 * 60));
    let error = failed(stage.ending(&work, &external).await);
    assert_eq!(error.code, "JobFailed");
    assert!(error.message.contains("did not answer within 20 minutes"), "{error:?}");
    assert!(error.message.contains(&external.id), "{error:?}");
}

#[tokio::test]
async fn a_call_of_a_later_round_has_twenty_minutes_of_its_own() {
    let stage = Stage::new().await;
    let work = stage.work("continue");
    let external = running(&stage.provider, &work, false).await;
    stage.keep_next_answer().await;
    for minutes in [15, 19] {
        stage.clock.advance(Duration::from_secs(minutes * 60));
        assert_eq!(stage.provider.observe(&work, &external).await.unwrap(), Observation::Running);
    }
    stage.clock.advance(Duration::from_secs(2 * 60));
    let error = failed(stage.ending(&work, &external).await);
    assert!(error.message.contains("did not answer within 20 minutes"), "{error:?}");
}

#[tokio::test]
async fn a_stop_waits_until_the_function_has_ended() {
    let stage = Stage::new().await;
    let work = stage.work("succeed");
    assert_eq!(stage.provider.cancel(&work, None).await.unwrap(), Observation::Gone);
    let external = running(&stage.provider, &work, false).await;
    assert_eq!(stage.provider.cancel(&work, Some(&external)).await.unwrap(), Observation::Running);
    stage.clock.advance(Duration::from_secs(16 * 60));
    assert_eq!(stage.provider.cancel(&work, Some(&external)).await.unwrap(), Observation::Gone);
    // An answer that came nevertheless is the attempt's end.
    stage.keep_next_answer().await;
    let Observation::Ended(ending) = stage.provider.cancel(&work, None).await.unwrap() else {
        panic!("it goes on")
    };
    succeeded(ending);
}
