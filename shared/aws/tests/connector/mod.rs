//! Faults between the SDK and AWS: every HTTP call of an adapter fails in every way, and nothing may be lost or done twice.
//!
//! A test target takes it in with `#[path = "../connector/mod.rs"] mod connector;` (from `tests/SUBJECT/main.rs`) and
//! writes, with `EMULATOR: LazyLock<Emulator>`:
//!
//! ```text
//! let faults = Faults::over(&EMULATOR.url());
//! let queue = SqsQueue::new(&faults.sdk(), …);
//! every_fault(&faults, async |case| {
//!     let name = fresh_name();                                        // each case works on names of its own
//!     let sent = faults.until_done(async || queue.send(…).await).await; // repeated once, as a caller would, if it fails
//!     assert_eq!(…, "{case}");                                        // here no fault strikes any more
//! }).await;
//! ```
//!
//! `every_fault` strikes the first call, then the second and so on until the case makes no more calls; each once, so that
//! the SDK's own repetition absorbs it, and for good, so that the adapter sees it. [`Fault`] has the ways.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;
use hyper::body::{Body, Bytes, Frame};
use penstock_app::port::PortError;
use penstock_aws::sdk::{Sdk, http_client};

/// A way in which a call fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It does not reach the service.
    Before,
    /// The service carries it out and answers with status 500.
    After,
    /// The service carries it out and its answer does not come.
    AcknowledgementLost,
    /// The service carries it out and its answer breaks off half-way.
    BrokenOff,
    /// The service refuses it because there are too many.
    Throttled,
}

pub(crate) const FAULTS: [Fault; 5] =
    [Fault::Before, Fault::After, Fault::AcknowledgementLost, Fault::BrokenOff, Fault::Throttled];

/// Calls to an emulator, some of which fail.
#[derive(Debug, Clone)]
pub(crate) struct Faults {
    url: String,
    plan: Arc<Mutex<Option<Plan>>>,
}

#[derive(Debug, Clone, Copy)]
struct Plan {
    fault: Fault,
    /// Calls until the one that fails.
    before: u64,
    /// How many fail from then on.
    times: u64,
    struck: bool,
}

impl Faults {
    /// Calls to the emulator at `url`; none fails yet.
    pub(crate) fn over(url: &str) -> Self {
        Self { url: url.to_owned(), plan: Arc::default() }
    }

    /// For clients whose calls these are.
    pub(crate) fn sdk(&self) -> Sdk {
        let connector = Faulty { inner: http_client(), faults: self.clone() };
        let retries =
            RetryConfig::standard().with_max_attempts(2).with_initial_backoff(Duration::from_millis(1));
        let credentials = Credentials::new("test", "test", None, None, "tests");
        let config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .http_client(SharedHttpClient::new(connector))
            .endpoint_url(&self.url)
            .region(Region::from_static("us-east-1"))
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .retry_config(retries)
            .build();
        Sdk::from_config(config)
    }

    /// Makes `call`; if it fails, says so as transient, and is made again without faults, as a caller would.
    /// From then on no fault strikes.
    ///
    /// # Panics
    /// If it fails for good, or without a fault.
    pub(crate) async fn until_done<T>(&self, call: impl AsyncFn() -> Result<T, PortError>) -> T {
        let first = call().await;
        let struck = self.calm();
        match first {
            Ok(done) => done,
            Err(error) if error.retryable && struck => {
                call().await.unwrap_or_else(|again| panic!("fails without a fault: {again}; before: {error}"))
            }
            Err(error) => panic!("a fault is no reason to give up: {error}"),
        }
    }

    fn strike(&self, fault: Fault, before: u64, times: u64) {
        *self.plan() = Some(Plan { fault, before, times, struck: false });
    }

    /// Lets calls pass, and says whether one had failed.
    fn calm(&self) -> bool {
        let mut plan = self.plan();
        let struck = plan.is_some_and(|plan| plan.struck);
        *plan = plan.map(|plan| Plan { times: 0, ..plan });
        struck
    }

    fn next(&self) -> Option<Fault> {
        let mut plan = self.plan();
        let plan = plan.as_mut()?;
        if plan.before > 0 {
            plan.before -= 1;
            return None;
        }
        plan.times = plan.times.checked_sub(1)?;
        plan.struck = true;
        Some(plan.fault)
    }

    fn plan(&self) -> std::sync::MutexGuard<'_, Option<Plan>> {
        self.plan.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Runs `case` for each fault at each of its calls, once without the adapter seeing it and once with. `case` is told
/// which it is, for its messages.
///
/// # Panics
/// If no call of the case could be struck.
pub(crate) async fn every_fault(faults: &Faults, case: impl AsyncFn(String)) {
    for fault in FAULTS {
        every_call(faults, fault, &case).await;
    }
}

/// As [`every_fault`], with one fault: what waits for long is run with several at once.
pub(crate) async fn every_call(faults: &Faults, fault: Fault, case: impl AsyncFn(String)) {
    for (times, seen) in [(1, "once"), (u64::MAX, "for good")] {
        for before in 0.. {
            faults.strike(fault, before, times);
            case(format!("{fault:?} {seen} at call {}", before + 1)).await;
            if !faults.calm() {
                assert!(before > 0, "the case makes no calls");
                break;
            }
        }
    }
}

#[derive(Debug, Clone)]
struct Faulty {
    inner: SharedHttpClient,
    faults: Faults,
}

impl HttpClient for Faulty {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        let inner = self.inner.http_connector(settings, components);
        SharedHttpConnector::new(FaultyConnector { inner, faults: self.faults.clone() })
    }
}

#[derive(Debug)]
struct FaultyConnector {
    inner: SharedHttpConnector,
    faults: Faults,
}

impl HttpConnector for FaultyConnector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let (inner, fault) = (self.inner.clone(), self.faults.next());
        HttpConnectorFuture::new(async move {
            let dialect = Dialect::of(&request);
            match fault {
                None => inner.call(request).await,
                Some(Fault::Before) => Err(broken("the connection was refused")),
                Some(Fault::Throttled) => Ok(dialect.throttled()),
                Some(Fault::After) => inner.call(request).await.map(|_| dialect.failed()),
                Some(Fault::AcknowledgementLost) => {
                    inner.call(request).await?;
                    Err(broken("the connection was closed before the answer"))
                }
                Some(Fault::BrokenOff) => half(inner.call(request).await?, &dialect).await,
            }
        })
    }
}

fn broken(why: &str) -> ConnectorError {
    ConnectorError::io(why.into())
}

async fn half(answer: HttpResponse, dialect: &Dialect) -> Result<HttpResponse, ConnectorError> {
    answer_with_half(answer, dialect).await.map_err(|error| ConnectorError::io(error.into()))
}

async fn answer_with_half(
    mut answer: HttpResponse,
    dialect: &Dialect,
) -> Result<HttpResponse, aws_smithy_types::byte_stream::error::Error> {
    let body = ByteStream::new(answer.take_body()).collect().await?.into_bytes();
    let half = body.slice(..body.len() / 2);
    *answer.body_mut() = match dialect {
        // As if it were whole.
        Dialect::Json | Dialect::S3 => SdkBody::from(half),
        // XML is read as far as it goes, and an id that was cut would be taken for one. On the wire the answer's length tells
        // that there was more.
        Dialect::Query => SdkBody::from_body_1_x(Half(Some(half))),
    };
    Ok(answer)
}

/// Half of a body, and then the connection's end.
struct Half(Option<Bytes>);

impl Body for Half {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let half = self.0.take().map(|half| Ok(Frame::data(half)));
        Poll::Ready(Some(half.unwrap_or_else(|| Err(std::io::ErrorKind::UnexpectedEof.into()))))
    }
}

/// How a service words an error.
enum Dialect {
    Json,
    Query,
    S3,
}

impl Dialect {
    fn of(request: &HttpRequest) -> Self {
        let header = |name| request.headers().get(name);
        match header("content-type") {
            // S3's objects have types of their own; only its requests are signed with this.
            _ if header("x-amz-content-sha256").is_some() => Self::S3,
            Some("application/x-www-form-urlencoded") => Self::Query,
            Some(_) | None => Self::Json,
        }
    }

    fn failed(&self) -> HttpResponse {
        match self {
            Self::Json | Self::Query => self.error(500, "InternalServerError"),
            Self::S3 => self.error(500, "InternalError"),
        }
    }

    fn throttled(&self) -> HttpResponse {
        match self {
            Self::Json | Self::Query => self.error(400, "ThrottlingException"),
            Self::S3 => self.error(503, "SlowDown"),
        }
    }

    fn error(&self, status: u16, code: &'static str) -> HttpResponse {
        let body = match self {
            Self::Json => format!(r#"{{"__type":"{code}","message":"a fault"}}"#),
            Self::Query => format!("<ErrorResponse><Error><Code>{code}</Code></Error></ErrorResponse>"),
            Self::S3 => format!("<Error><Code>{code}</Code><Message>a fault</Message></Error>"),
        };
        let status = status.try_into().expect("a status");
        let mut answer = HttpResponse::new(status, SdkBody::from(body));
        answer.headers_mut().insert("x-amzn-errortype", code);
        answer
    }
}
