//! A function of `MiniStack`'s, a place that takes its answers, and the provider.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, LazyLock, Mutex};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use aws_sdk_lambda::Client;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::{Environment, FunctionCode, Runtime};
use penstock_app::engine::state::External;
use penstock_app::jobs::{Answer, JobId, JobRecords};
use penstock_app::port::PortError;
use penstock_app::port::outputs::Outputs;
use penstock_app::port::provider::{Ending, Observation, Provider, Work};
use penstock_archive::Writer;
use penstock_aws::access::{Access, WithoutRole};
use penstock_aws::artifacts::S3Artifacts;
use penstock_aws::provider::lambda::LambdaInvoke;
use penstock_aws::sdk::Sdk;
use penstock_model::artifact::Artifact;
use penstock_model::id::AttemptId;
use penstock_model::pipeline::Category;
use penstock_testkit::build::{action, name};
use penstock_testkit::emulator::{Emulator, MiniStack};
use penstock_testkit::fake::{ManualClock, MemoryOutputs};
use penstock_testkit::python::{self, Requirements};
use penstock_tests::json_service::{JsonService, Operations, Recorded, Refusal};
use penstock_tests::service_model::ServiceModel;
use serde_json::{Value as Json, json};

use super::providers;

static EMULATOR: LazyLock<Emulator> = LazyLock::new(|| MiniStack::new().start());
/// It enforces rights.
static ENFORCING: LazyLock<Emulator> = LazyLock::new(|| MiniStack::new().auth(true).start());

/// The account that events carry.
pub(crate) const ACCOUNT: &str = "111122223333";

/// The installation's store.
pub(crate) const BUCKET: &str = "artifacts";

/// What tests of jobs work with.
pub(crate) struct Stage {
    pub(crate) provider: LambdaInvoke,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) records: Arc<Records>,
    /// Takes answers, held to the model of `CodePipeline`.
    answers: JsonService,
    taken: Mutex<usize>,
    function: String,
    /// An administrator's.
    pub(crate) sdk: Sdk,
}

impl Stage {
    pub(crate) async fn new() -> Self {
        Self::on(&EMULATOR).await
    }

    /// The same where rights are enforced.
    pub(crate) async fn enforcing() -> Self {
        Self::on(&ENFORCING).await
    }

    async fn on(emulator: &Emulator) -> Self {
        let programs = python::Environment::of(Requirements::Emulators).programs();
        let model = ServiceModel::installed(&programs, "codepipeline");
        let answers = JsonService::start(Arc::new(Nothing), Some(model));
        let sdk = providers::sdk(&emulator.url(), &[]);
        let function = make_function(&sdk, &answers.url()).await;
        let access = Access::new(sdk.clone(), None, Some("an-external-id".to_owned()));
        let (clock, records) = (Arc::new(ManualClock::default()), Arc::new(Records::default()));
        clock.set(providers::now());
        let artifacts = Arc::new(S3Artifacts::new(&sdk, BUCKET));
        let refused = WithoutRole::Refused;
        let provider = LambdaInvoke::new(access, artifacts, records.clone(), clock.clone(), ACCOUNT, refused);
        Self { provider, clock, records, answers, taken: Mutex::default(), function, sdk }
    }

    /// The provider, whose functions are called at `url`.
    pub(crate) fn calling_at(&self, url: &str) -> LambdaInvoke {
        let sdk = providers::sdk(url, &[]);
        let artifacts = Arc::new(S3Artifacts::new(&sdk, BUCKET));
        let (access, records) = (Access::new(sdk, None, None), self.records.clone());
        LambdaInvoke::new(access, artifacts, records, self.clock.clone(), ACCOUNT, WithoutRole::Refused)
    }

    /// An attempt whose function is to do `wanted`.
    pub(crate) fn work(&self, wanted: &str) -> Work {
        let invoke = action("Check", Category::Invoke, "Lambda").set("FunctionName", &self.function);
        let input = Artifact {
            name: name("App"),
            bucket: BUCKET.into(),
            key: "site/App.zip".into(),
            version_id: None,
            sha256: "0".repeat(64),
            size: 1,
        };
        let invoke = invoke.set("UserParameters", wanted).consumes("App").build();
        providers::work(&self.function, 1, invoke, vec![input])
    }

    /// Waits for the function's `number`th answer, counted from 1, and says what it is.
    pub(crate) async fn answered(&self, number: usize) -> Recorded {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            if let Some(found) = self.answers.requests().get(number - 1) {
                return found.clone();
            }
            assert!(Instant::now() < deadline, "the function does not answer: {}", EMULATOR.log());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Waits for the function's next answer and keeps it, as the API does.
    pub(crate) async fn keep_next_answer(&self) {
        let number = {
            let mut taken = self.taken.lock().unwrap();
            *taken += 1;
            *taken
        };
        let Recorded { operation, body, .. } = self.answered(number).await;
        let id: JobId = body["jobId"].as_str().unwrap().parse().unwrap();
        let records = JobRecords::new(self.records.clone());
        records.answer(&id, &answer(&operation, &body)).await.unwrap();
    }

    /// Observes the work, which has ended.
    pub(crate) async fn ending(&self, work: &Work, external: &External) -> Ending {
        let seen = self.provider.observe(work, external).await.unwrap();
        let Observation::Ended(ending) = seen else { panic!("it has not ended: {seen:?}") };
        ending
    }
}

fn answer(operation: &str, body: &Json) -> Answer {
    let text = |value: &Json| value.as_str().unwrap_or_default().to_owned();
    if operation == "PutJobFailureResult" {
        let details = &body["failureDetails"];
        return Answer::Failed { code: text(&details["type"]), message: text(&details["message"]) };
    }
    if let Some(token) = body["continuationToken"].as_str() {
        return Answer::Continued { token: token.to_owned() };
    }
    let variables = body["outputVariables"].as_object().unwrap();
    let variables = variables.iter().map(|(name, value)| (name.clone(), text(value)));
    let summary = body["executionDetails"]["summary"].as_str().map(str::to_owned);
    Answer::Succeeded { variables: variables.collect(), summary }
}

/// Answers are recorded, and answered with nothing.
struct Nothing;

impl Operations for Nothing {
    fn carry_out(&self, _operation: &str, _body: &Json) -> Result<Json, Refusal> {
        Ok(json!({}))
    }
}

/// A function that answers to `url`; its name.
async fn make_function(sdk: &Sdk, url: &str) -> String {
    static COUNT: AtomicU32 = AtomicU32::new(1);
    let name = format!("check-{}", COUNT.fetch_add(1, Ordering::Relaxed));
    let folder = tempfile::tempdir().unwrap();
    let zip = folder.path().join("function.zip");
    let code = include_bytes!("function.py");
    let mut writer = Writer::create(&zip).unwrap();
    writer.file("index.py", 0o644, code.len() as u64, &code[..]).unwrap();
    drop(writer.finish().unwrap());
    make_role(sdk).await;
    let create = Client::new(sdk.config()).create_function().function_name(&name);
    let create = create.runtime(Runtime::Python312).handler("index.handler");
    let create = create.role("arn:aws:iam::000000000000:role/check");
    let code = FunctionCode::builder().zip_file(Blob::new(std::fs::read(&zip).unwrap()));
    let environment = Environment::builder().variables("ANSWERS", url);
    create.code(code.build()).environment(environment.build()).send().await.unwrap();
    name
}

/// The function's own role, if it is not there yet; it may do nothing.
async fn make_role(sdk: &Sdk) {
    let trust = json!({
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}],
    });
    let create = aws_sdk_iam::Client::new(sdk.config()).create_role().role_name("check");
    let _ = create.assume_role_policy_document(trust.to_string()).send().await;
}

/// Records of jobs, one of which can fail to be written: who was to write it died before. Others come in between whatever
/// is read and written.
#[derive(Default)]
pub(crate) struct Records {
    inner: MemoryOutputs,
    /// What is not written, after how many others of its kind.
    dies: Mutex<Option<(&'static str, u32)>>,
    reads: AtomicU32,
    kept: Mutex<Vec<String>>,
}

impl Records {
    /// All that was kept, as text.
    pub(crate) fn all(&self) -> Vec<String> {
        self.kept.lock().unwrap().clone()
    }

    pub(crate) fn die_before_the_acknowledgement(&self) {
        self.die_before("called", 0);
    }

    /// Lets one record of this kind be lost, after so many others of it.
    pub(crate) fn die_before(&self, kind: &'static str, others: u32) {
        *self.dies.lock().unwrap() = Some((kind, others));
    }

    /// How often something was read.
    pub(crate) fn reads(&self) -> u32 {
        self.reads.load(Ordering::Relaxed)
    }

    fn dies_before(&self, kind: &str) -> bool {
        let mut dies = self.dies.lock().unwrap();
        let Some((_, others)) = dies.as_mut().filter(|(what, _)| *what == kind) else {
            return false;
        };
        let is_this = *others == 0;
        *others = others.saturating_sub(1);
        if is_this {
            *dies = None;
        }
        is_this
    }
}

#[async_trait]
impl Outputs for Records {
    async fn put(&self, attempt: &AttemptId, variables: &BTreeMap<String, String>) -> Result<(), PortError> {
        tokio::task::yield_now().await;
        if self.dies_before(attempt.action.as_str()) {
            return Err(PortError::transient("write a record"));
        }
        self.kept.lock().unwrap().push(format!("{variables:?}"));
        self.inner.put(attempt, variables).await
    }

    async fn replace(
        &self,
        attempt: &AttemptId,
        variables: &BTreeMap<String, String>,
    ) -> Result<(), PortError> {
        self.inner.replace(attempt, variables).await
    }

    async fn get(&self, attempt: &AttemptId) -> Result<BTreeMap<String, String>, PortError> {
        tokio::task::yield_now().await;
        self.reads.fetch_add(1, Ordering::Relaxed);
        self.inner.get(attempt).await
    }
}
