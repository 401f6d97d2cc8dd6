//! A function that has more to do, again and again: who calls it, when, and what a look costs.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use axum::http::StatusCode;
use penstock_app::engine::state::External;
use penstock_app::jobs::{Answer, CONTINUATION, Invocation, JobId, JobRecords};
use penstock_app::port::clock::Clock;
use penstock_app::port::provider::{Observation, Provider, Work};
use penstock_aws::provider::lambda::LambdaInvoke;
use penstock_model::time::Timestamp;
use serde_json::Value as Json;

use super::faults::lambda;
use super::providers::running;
use super::stage::Stage;

/// A function whose answers the test gives, called for the first time.
struct Called {
    stage: Stage,
    provider: LambdaInvoke,
    payloads: Arc<Mutex<Vec<Json>>>,
    work: Work,
    external: External,
    records: JobRecords,
    begun: Timestamp,
}

impl Called {
    async fn new() -> Self {
        let stage = Stage::new().await;
        let (url, payloads) = lambda(|_| (StatusCode::ACCEPTED, String::new())).await;
        let (provider, work) = (stage.calling_at(&url), stage.work("go on"));
        let external = running(&provider, &work, false).await;
        let records = JobRecords::new(stage.records.clone());
        let begun = stage.clock.now();
        Self { stage, provider, payloads, work, external, records, begun }
    }

    fn calls(&self) -> usize {
        self.payloads.lock().unwrap().len()
    }

    /// Somebody looks whose clock says that so many seconds have passed.
    async fn look(&self, seconds: i64) {
        self.stage.clock.set(Timestamp(self.begun.0 + seconds * 1000));
        let seen = self.provider.observe(&self.work, &self.external).await.unwrap();
        assert_eq!(seen, Observation::Running);
    }

    /// The function that was called last has more to do.
    async fn goes_on(&self) {
        let job = self.records.latest(&self.work.attempt).await.unwrap().unwrap();
        let more = Answer::Continued { token: "more".to_owned() };
        assert_eq!(self.records.answer(&job.id, &more).await.unwrap(), more);
    }

    /// In which seconds of an hour the function is called if it takes `runtime`, an answer's message is sent or is not, and the
    /// clock of whoever gets it is `behind`. The engine lets somebody look now and then.
    async fn hour(&self, runtime: i64, sends: bool, behind: i64) -> Vec<i64> {
        let after = i64::try_from(CONTINUATION.as_secs()).unwrap();
        let (mut calls, mut messages) = (vec![0], BTreeSet::new());
        for second in 0..3600 {
            let last = *calls.last().unwrap();
            if second == last + runtime {
                self.goes_on().await;
                messages.extend(sends.then_some(second + after));
            }
            if messages.remove(&second) {
                self.look(second - behind).await;
            }
            if second > 0 && second % 60 == 0 && LOOKS.contains(&(second / 60)) {
                self.look(second).await;
            }
            if self.calls() > calls.len() {
                assert_eq!(self.calls(), calls.len() + 1, "twice in second {second}");
                calls.push(second);
            }
        }
        calls
    }
}

/// The minutes in which the engine lets somebody look.
const LOOKS: [i64; 17] = [1, 3, 7, 15, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 45, 59];

#[tokio::test]
async fn whoever_looks_the_pause_is_held_and_no_second_chain_of_calls_begins() {
    for (runtime, behind) in [(1, 0), (1, 2), (1, -2), (28, 0), (40, 1)] {
        let called = Called::new().await;
        let calls = called.hour(runtime, true, behind).await;
        let shortest = calls.windows(2).map(|two| two[1] - two[0]).min().unwrap();
        assert!(shortest >= 23, "{runtime} {behind}: {calls:?}");
        let jobs: BTreeSet<String> = called
            .payloads
            .lock()
            .unwrap()
            .iter()
            .map(|it| it["CodePipeline.job"]["id"].to_string())
            .collect();
        assert_eq!(jobs.len(), calls.len(), "each is of another round");
        // Each look of the engine's may be a little earlier than the message, and no more.
        let by_messages = 3600 / (runtime + 30);
        let count = i64::try_from(calls.len()).unwrap();
        assert!(count >= by_messages, "{runtime} {behind}: {count}");
        if runtime != 28 {
            assert!(count <= by_messages + 18, "{runtime} {behind}: {count} {calls:?}");
        }
    }
}

#[tokio::test]
async fn a_message_that_is_lost_leaves_it_to_the_engines_looks() {
    let calls = Called::new().await.hour(1, false, 0).await;
    let looks: Vec<i64> = LOOKS.iter().map(|minute| minute * 60).collect();
    assert_eq!(calls[1..], looks);
}

#[tokio::test]
async fn of_two_that_look_at_once_one_calls() {
    let called = Called::new().await;
    for round in 1..=5 {
        called.goes_on().await;
        let seconds = round * 30;
        tokio::join!(called.look(seconds), called.look(seconds), called.look(seconds));
        assert_eq!(called.calls(), 1 + usize::try_from(round).unwrap());
    }
}

#[tokio::test]
async fn a_round_whose_job_could_not_be_kept_under_its_id_is_answered_nevertheless() {
    let called = Called::new().await;
    called.goes_on().await;
    called.stage.clock.advance(CONTINUATION);
    called.stage.records.die_before("invocation", 1);
    assert!(called.provider.observe(&called.work, &called.external).await.unwrap_err().retryable);
    assert_eq!(called.calls(), 1);
    called.look(30 + 61).await;
    assert_eq!(called.calls(), 2);
    let job = called.records.latest(&called.work.attempt).await.unwrap().unwrap();
    assert_eq!(called.records.invocation(&job.id).await.unwrap(), Some(job.invocation));
}

#[tokio::test]
async fn a_look_at_many_rounds_reads_a_few_of_them() {
    let called = Called::new().await;
    let attempt = &called.work.attempt;
    let first = called.records.opened(attempt, 1).await.unwrap().unwrap().invocation;
    let mut id = [0; 16];
    for round in 2..=1000_u32 {
        called.goes_on().await;
        id[..4].copy_from_slice(&round.to_be_bytes());
        let asked = Invocation { round, ..first.clone() };
        let job = called.records.open(JobId::new(id).unwrap(), asked).await.unwrap();
        called.records.called(&job).await.unwrap();
        assert_eq!(called.records.latest(attempt).await.unwrap(), Some(job));
    }
    let before = called.stage.records.reads();
    called.look(0).await;
    let reads = called.stage.records.reads() - before;
    assert!(reads <= 25, "{reads} reads");
    assert_eq!(called.calls(), 1);
}
