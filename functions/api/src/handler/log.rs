//! A line in the log for each answer: who asked, for what, and what came of it.
//!
//! Only ids are told, and only those that have their form: a body, a query and the address of an approval hold secrets. The
//! operation and the ids in a body are recorded by the router that reads it.

use axum::extract::Request;
use axum::http::HeaderValue;
use axum::middleware::Next;
use axum::response::Response;
use penstock_model::id::{ActionName, ExecutionId, PipelineName, StageName};
use tracing::field::{Empty, display};
use tracing::{Instrument, Span, info_span};

use super::CALLER;

/// What pages look like is asked for with each of them.
const ASSETS: &str = "/assets/";

/// Logs the answer to `request`.
pub(super) async fn answer(request: Request, next: Next) -> Response {
    if request.uri().path().starts_with(ASSETS) {
        return next.run(request).await;
    }
    let (span, method) = (span(&request), request.method().clone());
    async {
        let response = next.run(request).await;
        tracing::info!(%method, status = response.status().as_u16(), "a request");
        response
    }
    .instrument(span)
    .await
}

/// What every line about this request is told with.
fn span(request: &Request) -> Span {
    let caller = request.headers().get(CALLER).map(HeaderValue::to_str).and_then(Result::ok);
    let span = info_span!(
        "request",
        caller,
        operation = Empty,
        pipeline = Empty,
        execution = Empty,
        stage = Empty,
        action = Empty,
        attempt = Empty
    );
    of_path(&span, request.uri().path());
    span
}

/// The ids of an address such as `/penstock/v1/executions/ID/logs/STAGE/ACTION/NUMBER`.
fn of_path(span: &Span, path: &str) {
    let parts: Vec<&str> = path.split('/').collect();
    for (place, part) in parts.iter().enumerate() {
        let after = |places: usize| parts.get(place + places).copied().unwrap_or_default();
        match *part {
            "pipelines" => id(span, "pipeline", PipelineName::new(after(1))),
            "executions" => id(span, "execution", ExecutionId::new(after(1))),
            "stages" => id(span, "stage", StageName::new(after(1))),
            "actions" => id(span, "action", ActionName::new(after(1))),
            "logs" => {
                id(span, "stage", StageName::new(after(1)));
                id(span, "action", ActionName::new(after(2)));
                if let Ok(number) = after(3).parse::<u32>() {
                    span.record("attempt", number);
                }
            }
            _ => {}
        }
    }
}

fn id<T: std::fmt::Display, E>(span: &Span, field: &'static str, id: Result<T, E>) {
    if let Ok(id) = id {
        span.record(field, display(id));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use axum::body::Body;
    use penstock_app::jobs::Jobs;
    use penstock_app::port::outputs::Outputs;
    use penstock_aws::telemetry::lines;
    use penstock_testkit::fake::FakeProvider;
    use penstock_testkit::fault::{Fault, Faults};
    use penstock_testkit::installation::{Fakes, Installation};
    use penstock_testkit::kept_logs::KeptLogs;
    use penstock_web::Web;
    use serde_json::{Value, json};
    use tower::ServiceExt;

    const EXECUTION: &str = "2b1f0c3a-5d7e-4f60-8a91-b2c3d4e5f607";

    /// What is logged of `request`, where the call of the store with this number fails.
    async fn logged(
        request: axum::http::request::Builder,
        body: &Value,
        failing: Option<usize>,
    ) -> Vec<Value> {
        let fakes = Fakes::new(FakeProvider::default());
        let faults = failing.map_or_else(|| Faults::new(0, 0), |call| Faults::one(call, Fault::Before));
        let installation = Installation::faulty(&fakes, &faults, fakes.clock.clone());
        let outputs: Arc<dyn Outputs> = fakes.outputs.clone();
        let jobs =
            Jobs::new(outputs, fakes.store.clone(), installation.transition.clone(), fakes.queue.clone());
        let web = Web {
            control: installation.control,
            query: installation.query,
            jobs: Arc::new(jobs),
            approvals: installation.approvals,
            webhooks: None,
            sites: None,
            hosts: vec!["penstock.example".to_owned()],
            account: "000000000000".to_owned(),
            region: "us-east-1".to_owned(),
        };
        let router = penstock_web::router(web).layer(axum::middleware::from_fn(super::answer));
        let logs = KeptLogs::of(|to| lines("info", move || to.clone()));
        let request = request.header("host", "penstock.example").header(super::CALLER, "user/ada");
        router.oneshot(request.body(Body::from(body.to_string())).unwrap()).await.unwrap();
        logs.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    fn operation(name: &str) -> axum::http::request::Builder {
        axum::http::Request::post("/")
            .header("x-amz-target", format!("CodePipeline_20150709.{name}"))
            .header("content-type", "application/x-amz-json-1.1")
    }

    /// Of the span of a line, what is told.
    fn of(line: &Value) -> Value {
        let span = &line["span"];
        json!([
            span["operation"],
            span["pipeline"],
            span["execution"],
            span["stage"],
            span["action"],
            span["attempt"]
        ])
    }

    #[tokio::test]
    async fn an_operation_is_one_line_with_its_ids_and_none_of_its_secrets() {
        let verdict = json!({"pipelineName": "web", "stageName": "Release", "actionName": "Ask",
            "token": "5ecre7-token", "result": {"status": "Approved", "summary": "5ecre7-words"}});
        let job =
            json!({"jobId": "5ec7e700-5d7e-4f60-8a91-b2c3d4e5f607", "continuationToken": "5ecre7-token"});
        let start = json!({"name": "web", "clientRequestToken": "5ecre7-token",
            "variables": [{"name": "KEY", "value": "5ecre7-value"}]});
        let stop = json!({"pipelineName": "web", "pipelineExecutionId": EXECUTION, "reason": "5ecre7-words"});
        let none = Value::Null;
        for (name, input, expected) in [
            ("PutApprovalResult", verdict, json!(["PutApprovalResult", "web", none, "Release", "Ask", none])),
            ("PutJobSuccessResult", job, json!(["PutJobSuccessResult", none, none, none, none, none])),
            (
                "StartPipelineExecution",
                start,
                json!(["StartPipelineExecution", "web", none, none, none, none]),
            ),
            (
                "StopPipelineExecution",
                stop,
                json!(["StopPipelineExecution", "web", EXECUTION, none, none, none]),
            ),
            (
                "GetPipelineState",
                json!({"name": "5ecre7 no name"}),
                json!(["GetPipelineState", none, none, none, none, none]),
            ),
        ] {
            let lines = logged(operation(name), &input, None).await;
            let [line] = &lines[..] else { panic!("one line, not {lines:?}") };
            assert_eq!(of(line), expected);
            assert_eq!((&line["span"]["caller"], &line["method"]), (&json!("user/ada"), &json!("POST")));
            assert!(line["status"].as_u64().unwrap() >= 400 && !line.to_string().contains("5ec"), "{line}");
        }
    }

    #[tokio::test]
    async fn an_address_is_told_by_the_ids_in_it_and_a_link_by_nothing() {
        let none = Value::Null;
        let log = format!("/penstock/v1/executions/{EXECUTION}/logs/Build/Compile/2?nextToken=5ecre7");
        let stage = "/penstock/v1/pipelines/web/stages/Build/actions/Compile/verdict?a=5ecre7".to_owned();
        for (path, expected) in [
            (log, json!([none, none, EXECUTION, "Build", "Compile", 2])),
            (stage, json!([none, "web", none, "Build", "Compile", none])),
            ("/approvals/5ecre7.5ecre7".to_owned(), json!([none, none, none, none, none, none])),
        ] {
            let lines = logged(axum::http::Request::get(path), &Value::Null, None).await;
            let [line] = &lines[..] else { panic!("one line, not {lines:?}") };
            assert_eq!(of(line), expected);
            assert!(!line.to_string().contains("5ecre7"), "{line}");
        }
        assert!(logged(axum::http::Request::get("/assets/style.css"), &Value::Null, None).await.is_empty());
    }

    #[tokio::test]
    async fn a_failure_is_told_with_the_same_ids() {
        let input = json!({"pipelineName": "web", "pipelineExecutionId": EXECUTION});
        let lines = logged(operation("GetPipelineExecution"), &input, Some(0)).await;
        let [error, line] = &lines[..] else { panic!("two lines, not {lines:?}") };
        assert_eq!((&error["level"], &error["message"]), (&json!("ERROR"), &json!("a request failed")));
        assert_eq!(error["span"], line["span"]);
        assert_eq!(line["span"]["execution"], EXECUTION);
        assert_eq!(line["status"], 500);
    }
}
