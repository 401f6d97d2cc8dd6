//! Approvals by link.

use std::sync::Arc;
use std::time::Duration;

use penstock_app::admission::Admission;
use penstock_app::approvals::{ApprovalError, ApprovalKey, Approvals};
use penstock_app::base_url::BaseUrl;
use penstock_app::control::{Control, GivenVerdict};
use penstock_app::error::AppError;
use penstock_app::port::approvers::{Approver, ApproverName, Approvers, Generation};
use penstock_app::port::commands::Commands;
use penstock_engine::command::RetryActions;
use penstock_model::id::{AttemptId, ExecutionId};
use penstock_model::pipeline::Category;
use penstock_testkit::build::{action, approval, deploy, name, pipeline, source};
use penstock_testkit::fake::{FakeProviders, LossyCommands, Lost, MemoryApprovers};
use penstock_testkit::installation::Installation;

use super::{attempt, place, stages, started, web, web_name, with};

#[tokio::test]
async fn an_approver_sees_what_is_asked_and_decides_once() {
    let installation = with(Installation::default(), web()).await;
    let id = started(&installation).await;
    let behind = started(&installation).await;
    let asked = attempt(&id, "Release", "Sign-off", 1);
    let token = installation.approvals.link_token(&asked);
    assert_eq!(installation.approvals.link(&asked), format!("http://penstock.example/approvals/{token}"));
    let view = installation.approvals.open(&token).await.expect("the page");
    assert_eq!(view.custom_data.as_deref(), Some("Look at c0ffee00"), "references are resolved");
    assert_eq!(view.will_do, ["Release / Ship: deploy with CodeDeploy to shop"]);
    assert_eq!((view.waiting_behind, view.trigger.as_str()), (1, "started by alice"));
    let [of] = &view.revisions[..] else { panic!("one source, not {:?}", view.revisions) };
    assert_eq!((of.source.as_str(), of.revision.id.as_str()), ("Fetch", "c0ffee00"));
    assert_eq!(of.revision.author.as_deref(), Some("Ada"));
    assert_eq!(view.artifacts.len(), 2);
    assert_eq!(view.expires_at.since(view.requested_at), Duration::from_secs(3600));
    installation.approvals.open(&token).await.expect("looking changes nothing");

    let decided = installation.approvals.decide(&token, true, "bob", "ship it").await.expect("approving");
    assert!(decided.verdict.approved);
    installation.settle().await;
    assert!(stages(&installation, &id).await.starts_with("Succeeded"));
    assert!(stages(&installation, &behind).await.ends_with("Release InProgress"));
    for again in [
        installation.approvals.open(&token).await.map(drop),
        installation.approvals.decide(&token, false, "eve", "").await.map(drop),
    ] {
        assert_eq!(again, Err(ApprovalError::Settled("approved by bob (claimed): ship it".to_owned())));
    }
}

#[tokio::test]
async fn links_are_ours_and_expire() {
    let installation = with(Installation::default(), web()).await;
    let id = started(&installation).await;
    let asked = attempt(&id, "Release", "Sign-off", 1);
    let token = installation.approvals.link_token(&asked);
    for unknown in ["", "nonsense", &installation.approvals.api_token(&asked)] {
        assert_eq!(installation.approvals.open(unknown).await, Err(ApprovalError::Unknown));
    }
    let never = installation.approvals.link_token(&attempt(&id, "Release", "Ship", 1));
    assert!(matches!(installation.approvals.open(&never).await, Err(ApprovalError::Settled(_))));
    installation.fakes.clock.advance(Duration::from_secs(3601));
    for late in [
        installation.approvals.open(&token).await.map(drop),
        installation.approvals.decide(&token, true, "bob", "").await.map(drop),
        installation.approvals.open(&token).await.map(drop),
    ] {
        let Err(ApprovalError::Settled(outcome)) = late else { panic!("{late:?}") };
        assert!(outcome.contains("expired"), "{outcome}");
    }
    assert!(stages(&installation, &id).await.starts_with("Failed"));
}

#[tokio::test]
async fn a_comment_that_is_too_long_decides_nothing() {
    let installation = with(Installation::default(), web()).await;
    let id = started(&installation).await;
    let token = installation.approvals.link_token(&attempt(&id, "Release", "Sign-off", 1));
    let refused = installation.approvals.decide(&token, true, "bob", &"x".repeat(513)).await;
    assert!(matches!(refused, Err(ApprovalError::Rejected(_))), "{refused:?}");
    installation.approvals.open(&token).await.expect("it waits still");
    installation.approvals.decide(&token, false, "bob", "not today").await.expect("rejecting");
    installation.settle().await;
    assert_eq!(stages(&installation, &id).await, "Failed: Source Succeeded, Build Succeeded, Release Failed");
}

#[tokio::test]
async fn a_verdict_by_an_approvers_own_link_has_their_name() {
    let installation = with(Installation::default(), web()).await;
    let id = started(&installation).await;
    let asked = attempt(&id, "Release", "Sign-off", 1);
    let link = installation.approvals.link_of(&asked, &ApproverName::new("Jo").expect("a name"), None);
    let token = link.strip_prefix("http://penstock.example/approvals/").expect("our link");
    let view = installation.approvals.open(token).await.expect("the page");
    assert_eq!(view.approver.map(String::from).as_deref(), Some("Jo"));
    let shared = installation.approvals.open(&installation.approvals.link_token(&asked)).await;
    assert_eq!(shared.expect("the page").approver, None);
    let decided = installation.approvals.decide(token, true, "Eve", "").await.expect("approving");
    assert_eq!(decided.verdict.by, "Jo", "what is typed does not count");
    let again = installation.approvals.open(token).await;
    assert_eq!(again, Err(ApprovalError::Settled("approved by Jo".to_owned())));
}

#[tokio::test]
async fn a_shared_link_needs_a_name_and_records_it_as_claimed() {
    let installation = with(Installation::default(), web()).await;
    let id = started(&installation).await;
    let token = installation.approvals.link_token(&attempt(&id, "Release", "Sign-off", 1));
    for nobody in ["", " \t\u{0} ", &"x".repeat(65)] {
        let refused = installation.approvals.decide(&token, true, nobody, "").await;
        assert!(matches!(refused, Err(ApprovalError::Rejected(_))), "{nobody:?}: {refused:?}");
    }
    let decided =
        installation.approvals.decide(&token, false, " Jo\u{7}  of Ops ", "").await.expect("rejecting");
    assert_eq!(decided.verdict.by, "Jo of Ops (claimed)");
}

/// An installation that waits for a verdict, its approvers, and the token of Jo's link as whoever was added so.
struct Asked {
    approvals: Approvals,
    approvers: Arc<MemoryApprovers>,
    attempt: AttemptId,
    _installation: Installation,
}

impl Asked {
    async fn new() -> Self {
        let installation = with(Installation::default(), web()).await;
        let id = started(&installation).await;
        let approvers = Arc::new(MemoryApprovers::default());
        let approvals = approvals_of(&installation).with_approvers(approvers.clone());
        let attempt = attempt(&id, "Release", "Sign-off", 1);
        Self { approvals, approvers, attempt, _installation: installation }
    }

    async fn add(&self, generation: Option<&str>, pipelines: &[&str]) {
        let approver = Approver {
            name: name("Jo"),
            email: "jo@example.com".to_owned(),
            topic_arn: "arn:aws:sns:eu-west-1:111122223333:penstock-jo".to_owned(),
            pipelines: pipelines.iter().map(|pipeline| name(pipeline)).collect(),
            generation: generation.map(|text| Generation::new(text).unwrap()),
        };
        self.approvers.add(&approver).await.unwrap();
    }

    async fn opens(&self, generation: Option<&str>) -> bool {
        let generation = generation.map(|text| Generation::new(text).unwrap());
        let link = self.approvals.link_of(&self.attempt, &name("Jo"), generation.as_ref());
        let token = link.rsplit('/').next().unwrap();
        match self.approvals.open(token).await {
            Ok(_) => true,
            Err(error) => {
                assert_eq!(error, ApprovalError::NotAsked);
                assert_eq!(self.approvals.decide(token, true, "", "").await, Err(ApprovalError::NotAsked));
                false
            }
        }
    }
}

#[tokio::test]
async fn the_link_of_an_approver_who_was_removed_opens_nothing_even_if_their_name_comes_back() {
    let asked = Asked::new().await;
    for first in [None, Some("a1")] {
        asked.add(first, &[]).await;
        assert!(asked.opens(first).await, "{first:?}");
        asked.approvers.remove(&name("Jo")).await.expect("removing");
        assert!(!asked.opens(first).await, "{first:?}");
        asked.add(Some("b2"), &[]).await;
        assert!(!asked.opens(first).await, "{first:?}: another Jo");
        assert!(asked.opens(Some("b2")).await, "the new link");
    }
}

#[tokio::test]
async fn the_link_of_an_approver_opens_only_what_they_are_asked_about() {
    let asked = Asked::new().await;
    asked.add(Some("a1"), &["web", "shop"]).await;
    assert!(asked.opens(Some("a1")).await);
    asked.add(Some("a1"), &["shop"]).await;
    assert!(!asked.opens(Some("a1")).await);
}

#[tokio::test]
async fn the_link_of_a_stopped_execution_says_who_stopped_it() {
    for abandon in [false, true] {
        let installation = with(Installation::default(), web()).await;
        let id = started(&installation).await;
        let token = installation.approvals.link_token(&attempt(&id, "Release", "Sign-off", 1));
        installation.approvals.open(&token).await.expect("it waits");
        installation
            .control
            .stop(&web_name(), &id, abandon, "wrong branch", "alice")
            .await
            .expect("stopping");
        installation.settle().await;
        assert_eq!(
            stages(&installation, &id).await,
            "Stopped: Source Succeeded, Build Succeeded, Release Stopped"
        );
        let told = ApprovalError::Settled("stopped by alice: wrong branch".to_owned());
        for late in [
            installation.approvals.open(&token).await.map(drop),
            installation.approvals.decide(&token, true, "bob", "").await.map(drop),
        ] {
            assert_eq!(late, Err(told.clone()), "abandon: {abandon}");
        }
        assert_eq!(installation.fakes.provider.started().len(), 2, "nothing was deployed");
    }
}

#[tokio::test]
async fn the_link_of_an_earlier_attempt_leads_to_the_newer_one() {
    let installation = with(Installation::default(), web()).await;
    let id = started(&installation).await;
    let token = installation.approvals.link_token(&attempt(&id, "Release", "Sign-off", 1));
    installation.approvals.decide(&token, false, "bob", "").await.expect("rejecting");
    installation.settle().await;
    let (release, all) = (name("Release"), RetryActions::AllActions);
    installation.control.retry(&web_name(), Some(id.clone()), &release, all).await.expect("a retry");
    installation.settle().await;
    let told = ApprovalError::Settled("the stage was run again since; a newer link was sent".to_owned());
    assert_eq!(installation.approvals.open(&token).await, Err(told));
    let newer = installation.approvals.link_token(&attempt(&id, "Release", "Sign-off", 2));
    installation.approvals.open(&newer).await.expect("it waits");
}

#[tokio::test]
async fn whatever_follows_up_to_the_next_approval_is_told() {
    let call = |called: &str| action(called, Category::Invoke, "Lambda");
    let pipeline = pipeline("web")
        .stage("Source", [source("Fetch", "src")])
        .stage(
            "Staging",
            [
                approval("Sign-off"),
                action("Beside", Category::Compute, "Commands").consumes("src"),
                action("Plan", Category::Compute, "Commands").consumes("src").order(2),
            ],
        )
        .stage(
            "Apply",
            [action("Terraform", Category::Build, "CodeBuild").set("ProjectName", "tf").consumes("src")],
        )
        .stage(
            "Release",
            [
                approval("Sign-off").order(2),
                call("Warm").set("FunctionName", "warm"),
                deploy("Canary").consumes("src").order(2),
                action("Probe", Category::Test, "CodeBuild").consumes("src").order(2),
                deploy("Ship").consumes("src").order(3),
            ],
        )
        .stage("After", [approval("Accept")])
        .build();
    let installation = with(Installation::default(), pipeline).await;
    let id = started(&installation).await;
    let follows = async |stage: &str, called: &str| {
        let token = installation.approvals.link_token(&attempt(&id, stage, called, 1));
        let view = installation.approvals.open(&token).await.expect("the page");
        installation.approvals.decide(&token, true, "bob", "").await.expect("approving");
        installation.settle().await;
        view.will_do
    };
    assert_eq!(
        follows("Staging", "Sign-off").await,
        [
            "Staging / Plan: runs Commands",
            "Apply / Terraform: runs CodeBuild tf",
            "Release / Warm: runs Lambda warm",
            "Release / Canary: deploy with CodeDeploy",
            "Release / Probe: runs CodeBuild",
        ],
        "with what runs beside the next approval"
    );
    assert_eq!(follows("Release", "Sign-off").await, ["Release / Ship: deploy with CodeDeploy"]);
    assert_eq!(follows("After", "Accept").await, Vec::<String>::new());
}

#[tokio::test]
async fn nothing_follows_the_stage_of_a_rollback() {
    let pipeline = pipeline("web")
        .stage("Source", [source("Fetch", "src")])
        .stage("Staging", [approval("Ask"), deploy("Ship").consumes("src").order(2)])
        .stage("Production", [deploy("Publish").consumes("src")])
        .build();
    let installation = with(Installation::default(), pipeline).await;
    let follows = async |id: &ExecutionId| {
        let token = installation.approvals.link_token(&attempt(id, "Staging", "Ask", 1));
        let view = installation.approvals.open(&token).await.expect("the page");
        installation.approvals.decide(&token, true, "bob", "").await.expect("approving");
        installation.settle().await;
        view.will_do
    };
    let first = started(&installation).await;
    let both = ["Staging / Ship: deploy with CodeDeploy", "Production / Publish: deploy with CodeDeploy"];
    assert_eq!(follows(&first).await, both);
    let (stage, _) = place("Staging", "Ask");
    let back =
        installation.control.rollback(&web_name(), &stage, Some(first), "ada").await.expect("a rollback");
    installation.settle().await;
    assert_eq!(follows(&back).await, both[..1]);
}

#[tokio::test]
async fn what_may_still_be_taken_is_not_said_to_have_expired() {
    let installation = with(Installation::default(), web()).await;
    let id = started(&installation).await;
    let approvals =
        approvals_by(&installation, LossyCommands::new(installation.transition.clone(), Lost::Command));
    // By the clock here; by that of `transition`, which may be at it still, it was in time.
    installation.fakes.clock.advance(Duration::from_secs(8 * 24 * 3600));
    let token = approvals.link_token(&attempt(&id, "Release", "Sign-off", 1));
    let answer = approvals.decide(&token, true, "bob", "").await;
    assert!(matches!(answer, Err(ApprovalError::NotKnown(_))), "{answer:?}");
}

/// What Ada is answered who approves by the API, and what stands then.
async fn answered(lost: Lost) -> (Result<(), AppError>, Result<(), ApprovalError>) {
    let installation = with(Installation::default(), web()).await;
    let id = started(&installation).await;
    let (fakes, transition) = (&installation.fakes, &installation.transition);
    let providers = Arc::new(FakeProviders::new(fakes.provider.clone()));
    let admission = Arc::new(Admission::new(transition.clone(), providers));
    let approvals = Arc::new(approvals_by(&installation, LossyCommands::new(transition.clone(), lost)));
    let (store, clock) = (fakes.store.clone(), fakes.clock.clone());
    let control = Control::new(transition.clone(), store, admission, approvals.clone(), clock);
    let asked = attempt(&id, "Release", "Sign-off", 1);
    let (stage, action) = place("Release", "Sign-off");
    let given = GivenVerdict { approved: true, by: "ada", comment: "" };
    let token = approvals.api_token(&asked);
    let answer = control.verdict(&web_name(), &stage, &action, Some(&token), given).await;
    let stands = approvals.open(&approvals.link_token(&asked)).await;
    (answer.map(drop), stands.map(drop))
}

#[tokio::test]
async fn a_verdict_by_the_api_is_answered_as_it_stands_although_its_answer_was_lost() {
    let settled = |outcome: &str| Err(ApprovalError::Settled(outcome.to_owned()));
    let (answer, stands) = answered(Lost::Answer).await;
    assert_eq!((answer, stands), (Ok(()), settled("approved by ada")));
    let (answer, stands) = answered(Lost::Race).await;
    assert_eq!(stands, settled("rejected by eve: no"));
    let said = "this approval has been settled: rejected by eve: no; the verdict that you gave was not taken";
    assert_eq!(answer.unwrap_err().to_string(), said);
    let (answer, stands) = answered(Lost::Command).await;
    assert_eq!(stands, Ok(()));
    let Err(AppError::Port(error)) = answer else { panic!("{answer:?}") };
    assert!(error.retryable && error.message.contains("it is not known whether"), "{error}");
}

/// Another process's approvals over the same fakes.
fn approvals_of(installation: &Installation) -> Approvals {
    approvals_by(installation, installation.transition.clone())
}

fn approvals_by(installation: &Installation, commands: Arc<dyn Commands>) -> Approvals {
    let fakes = &installation.fakes;
    Approvals::new(
        ApprovalKey::new([7; 32]),
        fakes.store.clone(),
        fakes.outputs.clone(),
        commands,
        fakes.clock.clone(),
        BaseUrl::new("http://penstock.example"),
    )
}
