//! A server in memory and the requests that tests send to it.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt;
use penstock_app::admission::Admission;
use penstock_app::approvals::{ApprovalKey, Approvals};
use penstock_app::base_url::BaseUrl;
use penstock_app::control::Control;
use penstock_app::delivery::{Deliveries, Received, Webhook, WebhookRefusal};
use penstock_app::dispatch::Dispatch;
use penstock_app::jobs::Jobs;
use penstock_app::port::store::Store;
use penstock_app::query::Query;
use penstock_app::transition::Transition;
use penstock_app::worker::Worker;
use penstock_model::id::AttemptId;
use penstock_model::pipeline::{ExecutionMode, Pipeline};
use penstock_model::trigger::{GitEvent, Push, Reference};
use penstock_testkit::build::{approval, build, deploy, pipeline, source};
use penstock_testkit::fake::{
    Conduct, FakeProvider, FakeProviders, FakeRepository, ManualClock, MemoryClaims, MemoryLogs,
    MemoryOutputs, MemoryQueue, MemoryStore,
};
use penstock_web::{Web, Webhooks};
use serde_json::{Value, json};
use tokio::sync::watch;
use tower::ServiceExt;

/// The commit that the fake repository contains.
pub(crate) const COMMIT: &str = "3f785a0c1d2e4b5f60718293a4b5c6d7e8f90123";

/// A server in memory.
pub(crate) struct Server {
    pub(crate) router: Router,
    pub(crate) web: Web,
    pub(crate) queue: Arc<MemoryQueue>,
    pub(crate) logs: Arc<MemoryLogs>,
    pub(crate) outputs: Arc<MemoryOutputs>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) sites: tempfile::TempDir,
    worker: Worker,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

/// A webhook whose signature is `signed` and whose body names what happened.
struct PlainWebhook;

impl Webhook for PlainWebhook {
    fn verify(&self, signature_header: Option<&str>, _body: &[u8]) -> Result<(), WebhookRefusal> {
        match signature_header {
            Some("signed") => Ok(()),
            Some(_) | None => Err(WebhookRefusal::Unsigned("no signature of ours".to_owned())),
        }
    }

    fn read(&self, event: &str, content_type: &str, body: &[u8]) -> Result<Received, WebhookRefusal> {
        if content_type != "application/json" {
            return Err(WebhookRefusal::MediaType(format!("`{content_type}` is not JSON")));
        }
        if event == "ping" {
            return Ok(Received::Ignored("a ping".to_owned()));
        }
        let body: Value =
            serde_json::from_slice(body).map_err(|error| WebhookRefusal::Malformed(error.to_string()))?;
        let text = |key: &str| body[key].as_str().unwrap_or_default().to_owned();
        Ok(Received::Event(GitEvent::Push(Push {
            repository: "canal/lights".to_owned(),
            reference: Reference::Branch(text("branch")),
            commit: text("commit"),
            message: Some("Light the canal".to_owned()),
            author: Some("Ada".to_owned()),
            changed_paths: None,
            deleted: false,
        })))
    }
}

/// Source, build, approval and deployment; a build fails if its variable says so.
pub(crate) fn release(name: &str, mode: ExecutionMode) -> Pipeline {
    pipeline(name)
        .mode(mode)
        .variable("OUTCOME", Some("good"))
        .stage("Source", [source("Checkout", "Code")])
        .stage(
            "Build",
            [build("Unit")
                .consumes("Code")
                .produces("Page")
                .namespace("Built")
                .set("ProjectName", "#{variables.OUTCOME}")],
        )
        .stage(
            "Release",
            [
                approval("Ask").set("CustomData", "Ship it?"),
                deploy("Rollout")
                    .consumes("Page")
                    .order(2)
                    .set("ApplicationName", "canal")
                    .set("DeploymentGroupName", "lock-keepers"),
            ],
        )
        .build()
}

impl Server {
    pub(crate) fn new() -> Self {
        Self::learning_by(Transition::changes)
    }

    /// The same, where others change the state.
    pub(crate) async fn among_others() -> Self {
        let server = Self::learning_by(|_| watch::channel(0).1);
        server.web.control.create(release("canal", ExecutionMode::Queued), "Ada").await.unwrap();
        server
    }

    /// A server that learns of changes by `changes`.
    fn learning_by(changes: impl FnOnce(&Transition) -> watch::Receiver<u64>) -> Self {
        let clock = Arc::new(ManualClock::default());
        let (store, queue) = (Arc::new(MemoryStore::default()), Arc::new(MemoryQueue::default()));
        let (outputs, logs) = (Arc::new(MemoryOutputs::default()), Arc::new(MemoryLogs::default()));
        let provider = FakeProvider::new(|work| {
            match work.action.configuration.get("ProjectName").map(String::as_str) {
                Some("bad") => {
                    Conduct::Ends(FakeProvider::failure("`cargo test` ended with exit code 101 <script>"))
                }
                Some(_) | None => Conduct::Succeeds,
            }
        });
        let providers = Arc::new(FakeProviders::new(Arc::new(provider)));
        let transition = Arc::new(Transition::new(store.clone(), queue.clone(), clock.clone()));
        let base = BaseUrl::new("http://127.0.0.1:7878");
        let key = ApprovalKey::new([7; 32]);
        let approvals = Arc::new(Approvals::new(
            key,
            store.clone(),
            outputs.clone(),
            transition.clone(),
            clock.clone(),
            base,
        ));
        let admission = Arc::new(Admission::new(transition.clone(), providers.clone()));
        let control = Arc::new(Control::new(
            transition.clone(),
            store.clone(),
            admission.clone(),
            approvals.clone(),
            clock.clone(),
        ));
        let query = Arc::new(Query::new(
            store.clone(),
            outputs.clone(),
            approvals.clone(),
            logs.clone(),
            changes(&transition),
        ));
        let repository = Arc::new(FakeRepository(vec![COMMIT.to_owned()]));
        let deliveries =
            Arc::new(Deliveries::new(admission.clone(), store.clone() as Arc<dyn Store>, repository));
        let jobs = Jobs::new(outputs.clone(), store.clone(), transition.clone(), queue.clone());
        let dispatch = Arc::new(Dispatch::new(
            transition.clone(),
            store,
            Arc::new(MemoryClaims::default()),
            outputs.clone(),
            providers,
            clock.clone(),
        ));
        let sites = tempfile::tempdir().unwrap();
        let web = Web {
            control,
            query,
            jobs: Arc::new(jobs),
            approvals,
            webhooks: Some(Webhooks { deliveries, webhook: Arc::new(PlainWebhook) }),
            sites: Some(sites.path().join("sites")),
            hosts: vec!["penstock.example.com".to_owned()],
            account: "000000000000".to_owned(),
            region: "us-east-1".to_owned(),
        };
        let router = penstock_web::router(web.clone());
        Self { router, web, queue, logs, outputs, clock, sites, worker: Worker::new(transition, dispatch) }
    }

    /// A server with the pipeline `canal`.
    pub(crate) async fn with_pipeline() -> Self {
        let server = Self::new();
        server.web.control.create(release("canal", ExecutionMode::Queued), "Ada").await.unwrap();
        server
    }

    /// Handles messages until there is none.
    pub(crate) async fn settle(&self) {
        while let Some(message) = self.queue.take() {
            self.worker.handle(message).await.unwrap();
        }
    }

    pub(crate) async fn send(&self, mut request: Request<Body>) -> Answer {
        if !request.headers().contains_key("host") {
            request.headers_mut().insert("host", "127.0.0.1:7878".parse().unwrap());
        }
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes().to_vec();
        Answer { status: parts.status, headers: parts.headers, body }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(Request::get(path).body(Body::empty()).unwrap()).await
    }

    pub(crate) async fn post(&self, path: &str, headers: &[(&str, &str)], body: impl Into<Body>) -> Answer {
        let mut request = Request::post(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(request.body(body.into()).unwrap()).await
    }

    pub(crate) async fn form(&self, path: &str, body: &str) -> Answer {
        self.post(path, &[("content-type", "application/x-www-form-urlencoded")], body.to_owned()).await
    }

    /// An operation of the API in AWS JSON 1.1.
    pub(crate) async fn operation(&self, name: &str, members: &Value) -> Answer {
        let target = format!("CodePipeline_20150709.{name}");
        let headers = [
            ("x-amz-target", target.as_str()),
            ("content-type", "application/x-amz-json-1.1"),
            ("penstock-user", "Ada"),
        ];
        self.post("/", &headers, members.to_string()).await
    }

    /// The answer of an operation that succeeds.
    pub(crate) async fn operate(&self, name: &str, members: &Value) -> Value {
        let answer = self.operation(name, members).await;
        assert_eq!(answer.status, StatusCode::OK, "{name}: {}", answer.text());
        if answer.body.is_empty() { Value::Null } else { answer.json() }
    }

    /// The code of an operation that is refused.
    pub(crate) async fn refused(&self, name: &str, members: &Value) -> String {
        let answer = self.operation(name, members).await;
        assert!(answer.status.is_client_error(), "{name}: {} {}", answer.status, answer.text());
        let code = answer.json()["__type"].as_str().unwrap().to_owned();
        assert_eq!(answer.header("x-amzn-errortype"), code);
        code
    }

    /// Starts an execution, handles what follows, and returns its id.
    pub(crate) async fn start(&self, outcome: &str) -> String {
        let members = json!({"name": "canal", "variables": [{"name": "OUTCOME", "value": outcome}], "clientRequestToken": format!("t{}", self.clock_now())});
        let id = self.operate("StartPipelineExecution", &members).await["pipelineExecutionId"]
            .as_str()
            .unwrap()
            .to_owned();
        self.settle().await;
        self.clock.advance(std::time::Duration::from_secs(1));
        id
    }

    fn clock_now(&self) -> i64 {
        use penstock_app::port::clock::Clock;
        self.clock.now().0
    }

    /// The approval `Ask` of an execution.
    pub(crate) fn ask(&self, execution: &str) -> AttemptId {
        format!("{execution}/Release/Ask/1").parse().unwrap()
    }

    /// The path of that approval's page.
    pub(crate) fn approval_path(&self, execution: &str) -> String {
        format!("/approvals/{}", self.web.approvals.link_token(&self.ask(execution)))
    }

    /// Approves that approval and handles what follows.
    pub(crate) async fn approve(&self, execution: &str) {
        self.decide(execution).await;
        self.settle().await;
    }

    /// Approves that approval; what follows is left in the queue.
    pub(crate) async fn decide(&self, execution: &str) {
        let answer = self
            .form(&self.approval_path(execution), "name=Jo&pipeline=canal&verdict=approve&comment=fine")
            .await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    }
}
