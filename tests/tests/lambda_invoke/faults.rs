//! Every call to Lambda fails in every way: a function is called for one job, a command is given once.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::http::StatusCode;
use penstock_app::engine::command::{Command, Request};
use penstock_app::error::AppError;
use penstock_app::jobs::{Answer, JobRecords};
use penstock_app::port::commands::{Call, CallAnswer, Commands, Reply};
use penstock_aws::access::{Access, WithoutRole};
use penstock_aws::artifacts::S3Artifacts;
use penstock_aws::provider::lambda::LambdaInvoke;
use penstock_aws::remote_transition::RemoteTransition;
use penstock_testkit::build::{name, start};
use penstock_testkit::fake::{ManualClock, MemoryOutputs};
use serde_json::{Value as Json, json};
use tokio::net::TcpListener;

use super::connector::{Faults, every_fault};
use super::performed::performed;
use super::providers::{self, succeeded};
use super::stage::{ACCOUNT, BUCKET, Stage};

/// A Lambda whose functions all answer what `answer` says of what they are called with; its address, and all payloads.
pub(crate) async fn lambda(answer: fn(&Json) -> (StatusCode, String)) -> (String, Arc<Mutex<Vec<Json>>>) {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let payloads = Arc::new(Mutex::new(vec![]));
    let taken = Arc::clone(&payloads);
    let router = Router::new().fallback(move |body: Bytes| {
        let payload: Json = serde_json::from_slice(&body).unwrap();
        let answered = answer(&payload);
        taken.lock().unwrap().push(payload);
        async { answered }
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    (url, payloads)
}

#[tokio::test]
async fn a_function_is_called_for_one_job_whatever_fails() {
    let stage = Stage::new().await;
    let (url, payloads) = lambda(|_| (StatusCode::ACCEPTED, String::new())).await;
    let (faults, records) = (Faults::over(&url), Arc::new(MemoryOutputs::default()));
    let clock = Arc::new(ManualClock::default());
    clock.set(providers::now());
    let sdk = faults.sdk();
    let artifacts = Arc::new(S3Artifacts::new(&sdk, BUCKET));
    let (access, refused) = (Access::new(sdk, None, None), WithoutRole::Refused);
    let provider = LambdaInvoke::new(access, artifacts, records.clone(), clock, ACCOUNT, refused);
    let number = AtomicU32::new(0);
    every_fault(&faults, async |case| {
        payloads.lock().unwrap().clear();
        let mut work = stage.work("succeed");
        work.attempt.number = 1 + number.fetch_add(1, Ordering::Relaxed);
        let answers = async |_: &_| {
            let called = payloads.lock().unwrap().last().unwrap()["CodePipeline.job"]["id"].clone();
            let answer = Answer::Succeeded { variables: Default::default(), summary: None };
            let id = called.as_str().unwrap().parse().unwrap();
            JobRecords::new(records.clone()).answer(&id, &answer).await.unwrap();
        };
        succeeded(performed(&faults, &provider, &work, answers).await);
        let payloads = payloads.lock().unwrap();
        let jobs: Vec<&Json> = payloads.iter().map(|it| &it["CodePipeline.job"]["id"]).collect();
        assert!(!jobs.is_empty() && jobs.iter().all(|job| *job == jobs[0]), "{case}: {jobs:?}");
    })
    .await;
}

/// As `transition`: it answers a command with a reply, and a definition with its version.
fn transition(call: &Json) -> (StatusCode, String) {
    let call: Call = serde_json::from_value(call.clone()).unwrap();
    let answer = match call {
        Call::CarryOut { .. } => {
            CallAnswer::Reply { reply: Reply { rejection: None, changed: true, events: vec![] } }
        }
        Call::Define { .. } => panic!("nothing is defined here"),
    };
    (StatusCode::OK, serde_json::to_string(&answer).unwrap())
}

#[tokio::test]
async fn a_command_is_given_once_and_again_only_by_whoever_gave_it() {
    let (url, calls) = lambda(transition).await;
    let faults = Faults::over(&url);
    let remote = RemoteTransition::new(&faults.sdk(), "transition".to_owned());
    let (_, command): (_, Command) = start("a-command", &name("web"));
    assert!(matches!(command.request, Request::Start { .. }));
    every_fault(&faults, async |case| {
        calls.lock().unwrap().clear();
        let tries = AtomicU32::new(0);
        let reply = faults.until_done(async || {
            tries.fetch_add(1, Ordering::Relaxed);
            remote.carry_out(command.clone()).await.map_err(|error| {
                let AppError::Port(error) = error else { panic!("{case}: {error:?}") };
                error
            })
        });
        assert!(reply.await.changed, "{case}");
        let (calls, tries) = (calls.lock().unwrap(), tries.load(Ordering::Relaxed));
        // The SDK repeats nothing by itself, and what is repeated is the same command.
        assert!(calls.len() <= usize::try_from(tries).unwrap(), "{case}: {calls:?}");
        assert!(calls.iter().all(|call| call["command"]["id"] == json!("a-command")), "{case}: {calls:?}");
    })
    .await;
}
