//! What people ask for.

use penstock_app::control::{GivenVerdict, StartRequest};
use penstock_app::error::AppError;
use penstock_app::port::provider::Work;
use penstock_app::port::store::Store as _;
use penstock_engine::command::RetryActions;
use penstock_engine::rejection::Rejection;
use penstock_model::id::{DefinitionVersion, ExecutionId};
use penstock_model::pipeline::ExecutionMode;
use penstock_testkit::build::{build, name, pipeline, source};
use penstock_testkit::fake::{Conduct, FakeProvider};
use penstock_testkit::installation::Installation;

use super::{place, stages, started, web, web_name, with};

fn plain() -> penstock_model::pipeline::Pipeline {
    pipeline("web")
        .stage("Source", [source("Fetch", "src")])
        .stage("Build", [build("Compile").consumes("src")])
        .build()
}

#[tokio::test]
async fn applying_creates_then_changes_only_what_changed() {
    let installation = Installation::default();
    let apply = async |pipeline| installation.control.apply(pipeline, "alice").await.expect("applying").0;
    assert_eq!(apply(plain()).await, DefinitionVersion(1));
    assert_eq!(apply(plain()).await, DefinitionVersion(1));
    let mut queued = plain();
    queued.execution_mode = ExecutionMode::Queued;
    assert_eq!(apply(queued).await, DefinitionVersion(2));
    assert!(installation.fakes.queue.is_empty(), "neither starts anything");
    installation.control.delete(&web_name()).await.expect("deleting");
    assert!(installation.query.pipelines().await.expect("listing").is_empty());
    assert_eq!(apply(plain()).await, DefinitionVersion(3), "its history stays");
}

#[tokio::test]
async fn a_token_is_not_kept_and_applying_again_changes_nothing() {
    let Installation { control, fakes, .. } = Installation::default();
    let web = || {
        let hub = source("Fetch", "src").set("OAuthToken", "ghp_secret");
        pipeline("web").stage("Source", [hub]).stage("Build", [build("Compile").consumes("src")]).build()
    };
    for _ in 0..2 {
        assert_eq!(control.apply(web(), "alice").await.expect("applying").0, DefinitionVersion(1));
    }
    let kept = fakes.store.definition(&web_name(), DefinitionVersion(1)).await.expect("a definition");
    let kept = &kept.expect("a definition").stages[0].actions[0].configuration;
    assert_eq!(kept["OAuthToken"], "****");
}

#[tokio::test]
async fn a_condition_that_nobody_would_check_is_refused() {
    let installation = Installation::default();
    let mut gated = plain();
    gated.stages[1].before_entry = Some(serde_json::json!({"conditions": []}));
    let refused = installation.control.apply(gated, "alice").await.expect_err("a refusal");
    let AppError::Refused(found) = refused else { panic!("{refused}") };
    assert_eq!(found[0].code, "condition-not-here");
    assert!(found[0].message.contains("beforeEntry"), "{}", found[0].message);
}

#[tokio::test]
async fn a_request_token_starts_one_execution() {
    let installation = with(Installation::default(), plain()).await;
    let request = StartRequest { token: Some("t-1".to_owned()), ..StartRequest::by(web_name(), "alice") };
    let first = installation.control.start(request.clone()).await.expect("starting");
    installation.settle().await;
    assert_eq!(installation.control.start(request).await.expect("starting again"), first);
    let other =
        installation.control.start(StartRequest::by(web_name(), "alice")).await.expect("starting another");
    assert_ne!(other, first);
}

#[tokio::test]
async fn a_start_of_nothing_is_rejected() {
    let installation = Installation::default();
    let rejected = installation.control.start(StartRequest::by(web_name(), "alice")).await;
    assert!(matches!(rejected, Err(AppError::Rejected(Rejection::PipelineNotFound { .. }))), "{rejected:?}");
}

/// Fails each build of the executions whose source commit is asked to be `bad`.
fn fails_when_bad(work: &Work) -> Conduct {
    let bad = work.revisions.values().any(|revision| revision.id == "bad");
    if bad && work.attempt.number == 1 {
        Conduct::Ends(FakeProvider::failure("exit code 1"))
    } else {
        Conduct::Succeeds
    }
}

async fn start_commit(installation: &Installation, commit: &str) -> ExecutionId {
    let pin = penstock_engine::state::RevisionOverride {
        action: name("Fetch"),
        kind: "COMMIT_ID".into(),
        value: commit.to_owned(),
    };
    let request = StartRequest { overrides: vec![pin], ..StartRequest::by(web_name(), "alice") };
    let id = installation.control.start(request).await.expect("starting");
    installation.settle().await;
    id
}

#[tokio::test]
async fn the_latest_failure_is_retried() {
    let installation = with(Installation::new(FakeProvider::new(fails_when_bad)), plain()).await;
    let stage = name("Build");
    let good = start_commit(&installation, "good").await;
    let retry =
        async || installation.control.retry(&web_name(), None, &stage, RetryActions::FailedActions).await;
    let rejected = retry().await;
    assert!(matches!(rejected, Err(AppError::Rejected(Rejection::NotRetryable { .. }))), "{rejected:?}");
    let bad = start_commit(&installation, "bad").await;
    assert_eq!(stages(&installation, &bad).await, "Failed: Source Succeeded, Build Failed");
    assert_eq!(retry().await.expect("retrying"), bad);
    installation.settle().await;
    assert_eq!(stages(&installation, &bad).await, "Succeeded: Source Succeeded, Build Succeeded");
    assert_ne!(good, bad);
}

#[tokio::test]
async fn a_retry_says_what_still_runs_beside_the_failure() {
    let conduct = |work: &Work| match work.attempt.action.as_str() {
        "Slow" => Conduct::Runs,
        _ => fails_when_bad(work),
    };
    let definition = pipeline("web")
        .stage("Source", [source("Fetch", "src")])
        .stage("Build", [build("Compile").consumes("src"), build("Slow").consumes("src")])
        .build();
    let installation = with(Installation::new(FakeProvider::new(conduct)), definition).await;
    start_commit(&installation, "bad").await;
    let all = RetryActions::FailedActions;
    let refused = installation.control.retry(&web_name(), None, &name("Build"), all).await.unwrap_err();
    assert!(refused.to_string().contains("`Slow` still runs there"), "{refused}");
}

#[tokio::test]
async fn a_rollback_goes_back_and_another_one_further() {
    let installation = with(Installation::new(FakeProvider::new(fails_when_bad)), plain()).await;
    let stage = name("Build");
    let mut commits = vec![];
    for commit in ["one", "two", "bad", "three"] {
        commits.push(start_commit(&installation, commit).await);
    }
    let roll = async || {
        let id = installation.control.rollback(&web_name(), &stage, None, "alice").await?;
        installation.settle().await;
        let view = installation.query.execution(&web_name(), Some(&id)).await?;
        assert_eq!((view.status.as_str(), view.trigger.as_str()), ("Succeeded", "rolled back by alice"));
        Ok::<_, AppError>((view.rollback_of, view.commit))
    };
    let back_to = |index: usize, commit: &str| (Some(commits[index].clone()), Some(commit.to_owned()));
    assert_eq!(roll().await.expect("the first"), back_to(1, "two"), "`bad` never succeeded there");
    assert_eq!(roll().await.expect("the second"), back_to(0, "one"));
    let none = roll().await;
    assert!(matches!(none, Err(AppError::Rejected(Rejection::NotRollbackable { .. }))), "{none:?}");
}

#[tokio::test]
async fn a_closed_transition_keeps_executions_before_it() {
    let installation = with(Installation::default(), plain()).await;
    let stage = name("Build");
    installation.control.disable(&web_name(), &stage, "freeze", "alice").await.expect("disabling");
    let id = started(&installation).await;
    let view = installation.query.execution(&web_name(), Some(&id)).await.expect("the execution");
    assert_eq!(view.stages[1].status.as_str(), "Waiting");
    assert_eq!(view.stages[1].note.as_deref(), Some("inbound transition disabled by alice: freeze"));
    installation.control.enable(&web_name(), &stage).await.expect("enabling");
    installation.settle().await;
    assert_eq!(stages(&installation, &id).await, "Succeeded: Source Succeeded, Build Succeeded");
}

const FINE: GivenVerdict<'_> = GivenVerdict { approved: true, by: "bob", comment: "fine" };

#[tokio::test]
async fn verdicts_by_name() {
    let installation = with(Installation::default(), web()).await;
    let (stage, action) = place("Release", "Sign-off");
    let verdict = async |token: Option<&str>| {
        installation.control.verdict(&web_name(), &stage, &action, token, FINE).await
    };
    let early = verdict(None).await;
    assert!(matches!(early, Err(AppError::Rejected(Rejection::NoApproval { .. }))), "{early:?}");
    let id = started(&installation).await;
    let token = installation.approvals.api_token(&super::attempt(&id, "Release", "Sign-off", 1));
    let wrong = verdict(Some("2b1f0c3a-5d7e-4f60-8a91-b2c3d4e5f607")).await;
    assert!(matches!(wrong, Err(AppError::NotFound(_))), "{wrong:?}");
    verdict(Some(&token)).await.expect("approving");
    installation.settle().await;
    assert!(stages(&installation, &id).await.starts_with("Succeeded"));
    let late = verdict(Some(&token)).await;
    let Err(AppError::Rejected(Rejection::ApprovalSettled { outcome })) = late else { panic!("{late:?}") };
    assert_eq!(outcome, "approved by bob: fine");
    let (build, compile) = place("Build", "Compile");
    let other = installation.control.verdict(&web_name(), &build, &compile, None, FINE).await;
    assert!(matches!(other, Err(AppError::Rejected(Rejection::NoApproval { .. }))), "{other:?}");
    let unknown = installation.control.verdict(&web_name(), &stage, &compile, None, FINE).await;
    assert!(matches!(unknown, Err(AppError::Rejected(Rejection::ActionNotFound { .. }))), "{unknown:?}");
}
