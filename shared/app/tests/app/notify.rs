//! People are told from the records, once for each, whenever they are read.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use penstock_app::approvals::{ApprovalKey, Approvals, ApprovalsAtHand};
use penstock_app::base_url::BaseUrl;
use penstock_app::control::StartRequest;
use penstock_app::notify::Notify;
use penstock_app::port::PortError;
use penstock_app::port::approvers::{Approver, Approvers, Generation};
use penstock_app::port::notifier::{Audience, Notice, NoticeKind, Notifier};
use penstock_app::port::provider::Ending;
use penstock_app::port::state_changes::{StateChange, StateChanges};
use penstock_app::port::statuses::{CommitStatus, Shown, StatusState, Statuses};
use penstock_app::port::told::Told;
use penstock_app::reach::Reach;
use penstock_engine::command::RetryActions;
use penstock_engine::state::{AttemptError, ErrorCode, External, RevisionKind, RevisionOverride};
use penstock_model::id::ExecutionId;
use penstock_model::pipeline::VariableDeclaration;
use penstock_testkit::build::{approval, build, name, pipeline, source};
use penstock_testkit::fake::{Conduct, FakeProvider, MemoryApprovers};
use penstock_testkit::installation::Installation;

use super::{attempt, stages, started, web, web_name, with};

async fn told(installation: &Installation) -> Vec<Notice> {
    let before = installation.fakes.notifier.told().len();
    for record in installation.fakes.store.all_records() {
        installation.notify.tell(&record).await.expect("telling");
    }
    installation.fakes.notifier.told().split_off(before)
}

#[tokio::test]
async fn an_approver_is_asked() {
    let installation = with(Installation::default(), web()).await;
    let id = started(&installation).await;
    let notices = told(&installation).await;
    let link = installation.approvals.link(&attempt(&id, "Release", "Sign-off", 1));
    let [asked] = &notices[..] else { panic!("one notice, not {notices:?}") };
    assert_eq!((asked.kind, &asked.execution_id), (NoticeKind::ApprovalNeeded, &id));
    assert_eq!(asked.link.as_ref(), Some(&link));
    assert_eq!(asked.summary, "Sign-off waits for a verdict of c0ffee00 Brew");
    let author = asked.commit.as_ref().and_then(|commit| commit.author.as_deref());
    assert_eq!(author, Some("Ada"));
    assert_eq!(asked.time, "2023-11-14T22:13:20.000Z");
}

#[tokio::test]
async fn a_failure_is_told_as_it_was_whatever_came_after() {
    let provider = FakeProvider::new(|work| match (work.attempt.stage.as_str(), work.attempt.number) {
        ("Build", 1) => Conduct::Ends(FakeProvider::failure("npm test: exit code 1")),
        _ => Conduct::Succeeds,
    });
    let installation = with(Installation::new(provider), web()).await;
    let id = started(&installation).await;
    let notices = told(&installation).await;
    let [failed] = &notices[..] else { panic!("one notice, not {notices:?}") };
    assert_eq!(
        (failed.kind, failed.stage.as_str(), failed.action.as_str()),
        (NoticeKind::ExecutionFailed, "Build", "Compile")
    );
    assert_eq!(
        (failed.summary.as_str(), failed.link.as_deref()),
        ("npm test: exit code 1", Some("http://penstock.example/pipelines/web"))
    );
    installation
        .control
        .retry(&web_name(), Some(id), &name("Build"), RetryActions::AllActions)
        .await
        .expect("retrying");
    installation.settle().await;
    let again = told(&installation).await;
    assert_eq!(again.first(), Some(failed), "told again with the same content");
    assert_eq!(again.len(), 2, "and the approval that the retry reached");
}

/// Remembers everything, and refuses whom it is told to refuse.
#[derive(Default)]
pub(super) struct Outside {
    notices: Mutex<Vec<Notice>>,
    refused: Mutex<BTreeSet<String>>,
    told: Mutex<BTreeMap<String, BTreeSet<String>>>,
    statuses: Mutex<Vec<CommitStatus>>,
    refusal: Mutex<Option<PortError>>,
    never: Mutex<Option<Shown>>,
    pub(super) changes: Mutex<Vec<StateChange>>,
}

#[async_trait]
impl Notifier for Outside {
    async fn tell(&self, notice: &Notice) -> Result<(), PortError> {
        if self.refused.lock().unwrap().contains(notice.to.key()) {
            return Err(PortError::transient("publish"));
        }
        self.notices.lock().unwrap().push(notice.clone());
        Ok(())
    }
}

#[async_trait]
impl Told for Outside {
    async fn of(&self, record: &str) -> Result<BTreeSet<String>, PortError> {
        Ok(self.told.lock().unwrap().get(record).cloned().unwrap_or_default())
    }

    async fn remember(&self, record: &str, audiences: &BTreeSet<String>) -> Result<(), PortError> {
        self.told.lock().unwrap().entry(record.to_owned()).or_default().extend(audiences.iter().cloned());
        Ok(())
    }
}

#[async_trait]
impl Statuses for Outside {
    async fn set(&self, status: &CommitStatus) -> Result<Shown, PortError> {
        self.statuses.lock().unwrap().push(status.clone());
        let refusal = self.refusal.lock().unwrap().clone();
        refusal.map_or(Ok(self.never.lock().unwrap().clone().unwrap_or(Shown::Yes)), Err)
    }
}

#[async_trait]
impl StateChanges for Outside {
    async fn send(&self, changes: &[StateChange]) -> Result<(), PortError> {
        self.changes.lock().unwrap().extend(changes.iter().cloned());
        Ok(())
    }
}

impl Outside {
    /// The statuses that were set since the last time, in order.
    fn states(&self) -> Vec<StatusState> {
        self.statuses.lock().unwrap().drain(..).map(|status| status.state).collect()
    }

    /// The audiences that were told since the last time, in order.
    fn audiences(&self) -> Vec<String> {
        self.notices.lock().unwrap().drain(..).map(|notice| notice.to.key().to_owned()).collect()
    }
}

/// As which `who` was added: Ada by this release, others before it.
fn generation(who: &str) -> Option<Generation> {
    (who == "Ada").then(|| Generation::new("a1").unwrap())
}

/// What tells over another process's ports.
pub(super) async fn notify(installation: &Installation, outside: &Arc<Outside>) -> (Notify, Arc<Approvals>) {
    let fakes = &installation.fakes;
    let base_url = BaseUrl::new("http://penstock.example");
    let approvers = Arc::new(MemoryApprovers::default());
    for (who, pipelines) in [("Ada", vec![]), ("Jo", vec![web_name()]), ("Shopkeeper", vec![name("shop")])] {
        let topic_arn = format!("arn:aws:sns:eu-west-1:111122223333:penstock-{who}");
        let generation = generation(who);
        let email = "x@example.com".to_owned();
        let approver = Approver { name: name(who), email, topic_arn, pipelines, generation };
        approvers.add(&approver).await.unwrap();
    }
    let approvals = Approvals::new(
        ApprovalKey::new([7; 32]),
        fakes.store.clone(),
        fakes.outputs.clone(),
        installation.transition.clone(),
        fakes.clock.clone(),
        base_url.clone(),
    );
    let approvals = Arc::new(approvals.with_approvers(approvers));
    let notify =
        Notify::new(fakes.store.clone(), Arc::new(approvals.clone()), outside.clone(), Reach::Open(base_url))
            .with_told(outside.clone())
            .with_logs(fakes.logs.clone())
            .with_statuses(outside.clone())
            .with_state_changes(outside.clone());
    (notify, approvals)
}

#[tokio::test]
async fn each_approver_is_asked_with_a_link_of_their_own() {
    let mut pipeline = web();
    let topic = "arn:aws:sns:eu-west-1:111122223333:team".to_owned();
    pipeline.variables.push(variable("Team", "team"));
    let [ask, ship] = &mut pipeline.stages[2].actions[..] else { panic!("two actions") };
    let named = "arn:aws:sns:eu-west-1:111122223333:#{variables.Team}".to_owned();
    ask.configuration.insert("NotificationArn".to_owned(), named);
    for (key, value) in [
        ("ApplicationName", "shop-#{variables.Team}"),
        ("DeploymentGroupName", "#{Src.CommitId}-#{Src.Later}"),
    ] {
        ship.configuration.insert(key.to_owned(), value.to_owned());
    }
    let installation = with(Installation::default(), pipeline).await;
    let id = started(&installation).await;
    let outside = Arc::new(Outside::default());
    let (notify, approvals) = notify(&installation, &outside).await;
    for record in installation.fakes.store.all_records() {
        notify.tell(&record).await.unwrap();
    }
    let notices = std::mem::take(&mut *outside.notices.lock().unwrap());
    let asked = attempt(&id, "Release", "Sign-off", 1);
    let links: Vec<&str> = notices.iter().filter_map(|notice| notice.link.as_deref()).collect();
    let (shared, ada, jo) = (
        approvals.link(&asked),
        approvals.link_of(&asked, &name("Ada"), generation("Ada").as_ref()),
        approvals.link_of(&asked, &name("Jo"), None),
    );
    assert_eq!(links, [&shared, &ada, &jo, &shared], "Shopkeeper is asked about another pipeline only");
    let api_token = approvals.api_token(&asked);
    assert_eq!(notices[3].to, Audience::Topic { topic_arn: topic, api_token });
    let approval = notices[1].approval.as_ref().unwrap();
    assert_eq!(approval.custom_data.as_deref(), Some("Look at c0ffee00"));
    assert_eq!(
        approval.will_do,
        ["Release / Ship: deploy with CodeDeploy to shop-team / c0ffee00-#{Src.Later}"],
        "what is not known yet stays as it is written"
    );
    let command =
        format!("penstock approve web --stage Release --action Sign-off --exec {}", asked.execution);
    assert_eq!(
        notices[1].command, command,
        "what the message shows, and nothing that waits when it is carried out"
    );
    let token = ada.rsplit('/').next().unwrap();
    let decided = approvals.decide(token, true, "", "").await.unwrap();
    assert_eq!(decided.verdict.by, "Ada");
}

#[tokio::test]
async fn of_several_sources_each_commit_is_told_and_first_what_set_the_execution_off() {
    let pipeline = pipeline("web")
        .stage("Source", [source("App", "app"), source("Infra", "infra")])
        .stage("Release", [approval("Sign-off")])
        .build();
    let installation = with(Installation::default(), pipeline).await;
    let pushed =
        RevisionOverride { action: name("Infra"), kind: RevisionKind::CommitId, value: "beef".repeat(10) };
    let request = StartRequest { overrides: vec![pushed.clone()], ..StartRequest::by(web_name(), "alice") };
    installation.control.start(request).await.unwrap();
    installation.settle().await;
    let notices = told(&installation).await;
    let [asked] = &notices[..] else { panic!("one notice, not {notices:?}") };
    let commits = asked.commit.iter().chain(&asked.more_commits);
    let commits: Vec<_> = commits.map(|it| (it.source.as_ref().unwrap().as_str(), it.id.as_str())).collect();
    assert_eq!(commits, [("Infra", pushed.value.as_str()), ("App", "c0ffee00")]);
    assert_eq!(asked.summary, "Sign-off waits for a verdict of beefbeefbeef Brew");
}

#[tokio::test]
async fn of_parallel_failures_the_first_is_told_with_its_reason_and_the_others_by_name() {
    let provider = FakeProvider::new(|work| match work.attempt.stage.as_str() {
        "Test" => Conduct::Runs,
        _ => Conduct::Succeeds,
    });
    let tests = ["Unit", "Lint", "Audit"].map(|called| build(called).consumes("src"));
    let pipeline = pipeline("web").stage("Source", [source("Fetch", "src")]).stage("Test", tests).build();
    let installation = with(Installation::new(provider), pipeline).await;
    let id = started(&installation).await;
    for (action, ending) in [
        ("Unit", FakeProvider::failure("npm test: exit code 1")),
        ("Audit", FakeProvider::failure("npm audit: 2 high\nsee the log")),
        ("Lint", FakeProvider::failure("eslint: exit code 2")),
    ] {
        let failing = attempt(&id, "Test", action, 1);
        installation.dispatch.report(&web_name(), &failing, ending).await.unwrap();
        installation.fakes.clock.advance(std::time::Duration::from_secs(60));
        installation.settle().await;
    }
    let notices = told(&installation).await;
    let [failed] = &notices[..] else { panic!("one notice, not {notices:?}") };
    assert_eq!((failed.action.as_str(), failed.summary.as_str()), ("Unit", "npm test: exit code 1"));
    let others: Vec<_> =
        failed.also_failed.iter().map(|it| (it.action.as_str(), it.summary.as_str())).collect();
    assert_eq!(others, [("Audit", "npm audit: 2 high see the log"), ("Lint", "eslint: exit code 2")]);
}

#[tokio::test]
async fn who_cannot_be_told_keeps_nobody_from_it_and_is_told_later_alone() {
    let installation = with(Installation::default(), web()).await;
    started(&installation).await;
    let outside = Arc::new(Outside::default());
    let (notify, _) = notify(&installation, &outside).await;
    let ada = "arn:aws:sns:eu-west-1:111122223333:penstock-Ada";
    let jo = "arn:aws:sns:eu-west-1:111122223333:penstock-Jo";
    outside.refused.lock().unwrap().insert(ada.to_owned());
    let mut failed = vec![];
    for record in installation.fakes.store.all_records() {
        if notify.tell(&record).await.is_err() {
            failed.push(record);
        }
    }
    assert_eq!(failed.len(), 1);
    assert_eq!(outside.audiences(), ["everyone", jo]);
    notify.tell(&failed[0]).await.unwrap_err();
    assert_eq!(outside.audiences(), Vec::<String>::new());
    outside.refused.lock().unwrap().clear();
    notify.tell(&failed[0]).await.unwrap();
    assert_eq!(outside.audiences(), [ada]);
    notify.tell(&failed[0]).await.unwrap();
    assert_eq!(outside.audiences(), Vec::<String>::new());
}

#[tokio::test]
async fn the_bus_is_told_once_though_somebody_else_has_to_be_told_again() {
    let provider = FakeProvider::new(|work| match work.attempt.stage.as_str() {
        "Build" => Conduct::Ends(FakeProvider::failure("npm test: exit code 1")),
        _ => Conduct::Succeeds,
    });
    let installation = with(Installation::new(provider), web()).await;
    started(&installation).await;
    let outside = Arc::new(Outside::default());
    let (notify, _) = notify(&installation, &outside).await;
    outside.refused.lock().unwrap().insert("everyone".to_owned());
    let mut failed = vec![];
    for record in installation.fakes.store.all_records() {
        if notify.tell(&record).await.is_err() {
            failed.push(record);
        }
    }
    assert_eq!(failed.len(), 1, "the record of the failure");
    let sent = outside.changes.lock().unwrap().clone();
    assert_eq!(sent.last().unwrap().detail["state"], "FAILED");
    notify.tell(&failed[0]).await.unwrap_err();
    assert_eq!(outside.changes.lock().unwrap().len(), sent.len());
}

#[tokio::test]
async fn a_failure_is_told_with_the_end_of_its_log_and_the_way_on() {
    let provider = FakeProvider::new(|work| match work.attempt.stage.as_str() {
        "Build" => Conduct::Ends(FakeProvider::failure("npm test: exit code 1")),
        _ => Conduct::Succeeds,
    });
    let installation = with(Installation::new(provider), web()).await;
    let id = started(&installation).await;
    let lines = "one\n\u{1b}[31mtwo\u{1b}[0m\n";
    installation.fakes.logs.append(&attempt(&id, "Build", "Compile", 1), lines.as_bytes());
    let outside = Arc::new(Outside::default());
    let (notify, _) = notify(&installation, &outside).await;
    for record in installation.fakes.store.all_records() {
        notify.tell(&record).await.unwrap();
    }
    let notices = outside.notices.lock().unwrap();
    let [failed] = &notices[..] else { panic!("one notice, not {notices:?}") };
    assert_eq!(failed.log, ["one", "two"]);
    assert_eq!(failed.command, format!("penstock retry web --stage Build --exec {id}"));
    let commit = failed.commit.as_ref().map(|commit| (commit.id.as_str(), commit.author.as_deref()));
    assert_eq!(commit, Some(("c0ffee00", Some("Ada"))));
    let changes = outside.changes.lock().unwrap();
    let told: Vec<String> = changes
        .iter()
        .map(|change| {
            let text =
                |key: &str| change.detail.get(key).and_then(|it| it.as_str()).unwrap_or("-").to_owned();
            format!("{:?} {}/{} {}", change.of, text("stage"), text("action"), text("state"))
        })
        .collect();
    assert_eq!(
        told,
        [
            "Execution -/- STARTED",
            "Stage Source/- STARTED",
            "Action Source/Fetch STARTED",
            "Action Source/Fetch SUCCEEDED",
            "Stage Source/- SUCCEEDED",
            "Stage Build/- STARTED",
            "Action Build/Compile STARTED",
            "Action Build/Compile FAILED",
            "Stage Build/- FAILED",
            "Execution -/- FAILED",
        ]
    );
    let failure = &changes[7].detail;
    assert_eq!(failure["execution-result"]["external-execution-summary"], "npm test: exit code 1");
    assert_eq!(failure["action-execution-id"], attempt(&id, "Build", "Compile", 1).token());
    assert_eq!(failure["type"]["provider"], "CodeBuild");
    assert_eq!(changes[6].detail["input-artifacts"][0]["name"], "src");
}

/// A key that nobody can read.
struct NoKey;

#[async_trait]
impl ApprovalsAtHand for NoKey {
    async fn approvals(&self) -> Result<Arc<Approvals>, PortError> {
        Err(PortError::permanent("read the secret `key`: no right to it"))
    }
}

#[tokio::test]
async fn without_the_approvals_key_all_but_approvals_is_told() {
    let installation = from_github().await;
    let id = started_with(&installation, SHA).await;
    installation.settle().await;
    let (build, all) = (name("Build"), RetryActions::AllActions);
    installation.control.retry(&web_name(), Some(id), &build, all).await.unwrap();
    installation.settle().await;
    let (fakes, outside) = (&installation.fakes, Arc::new(Outside::default()));
    let notify = Notify::new(
        fakes.store.clone(),
        Arc::new(NoKey),
        outside.clone(),
        Reach::Open(BaseUrl::new("http://penstock.example")),
    )
    .with_statuses(outside.clone());
    let mut failures = vec![];
    for record in installation.fakes.store.all_records() {
        failures.extend(notify.tell(&record).await.err().map(|error| error.to_string()));
    }
    assert_eq!(failures.len(), 1, "{failures:?}");
    assert!(failures[0].contains("no right to it"), "{failures:?}");
    assert_eq!(outside.notices.lock().unwrap()[0].kind, NoticeKind::ExecutionFailed);
    assert!(!outside.states().is_empty());
}

pub(super) const SHA: &str = "6113728f27ae82c7b1a177c8d03f9e96e0adf246";

/// `web` from GitHub, and what its source pins.
pub(super) async fn from_github() -> Installation {
    from_github_by(failing_once()).await
}

pub(super) fn failing_once() -> FakeProvider {
    FakeProvider::new(|work| match (work.attempt.stage.as_str(), work.attempt.number) {
        ("Build", 1) => Conduct::Ends(FakeProvider::failure("npm test: exit code 1")),
        _ => Conduct::Succeeds,
    })
}

fn variable(called: &str, value: &str) -> VariableDeclaration {
    let default_value = Some(value.to_owned());
    VariableDeclaration { name: called.to_owned(), default_value, description: None }
}

pub(super) async fn from_github_by(provider: FakeProvider) -> Installation {
    let mut pipeline = web();
    let source = &mut pipeline.stages[0].actions[0];
    source.action_type_id.provider = "GitHub".to_owned();
    for (key, value) in [("Owner", "acme"), ("Repo", "#{variables.Repo}"), ("Branch", "main")] {
        source.configuration.insert(key.to_owned(), value.to_owned());
    }
    pipeline.variables.push(variable("Repo", "web"));
    with(Installation::new(provider), pipeline).await
}

/// Starts an execution of `commit`.
pub(super) async fn started_with(installation: &Installation, commit: &str) -> ExecutionId {
    let asked =
        RevisionOverride { action: name("Fetch"), kind: "COMMIT_ID".into(), value: commit.to_owned() };
    let mut request = StartRequest::by(web_name(), "alice");
    request.overrides = vec![asked];
    installation.control.start(request).await.unwrap()
}

#[tokio::test]
async fn a_commits_status_follows_its_execution_and_never_goes_back() {
    let installation = from_github().await;
    let id = started_with(&installation, SHA).await;
    let outside = Arc::new(Outside::default());
    let (notify, _) = notify(&installation, &outside).await;
    let early = installation.fakes.store.all_records();
    for record in &early {
        notify.tell(record).await.unwrap();
    }
    let shown = outside.statuses.lock().unwrap().first().cloned().expect("a status");
    assert_eq!(
        (shown.repository.as_str(), shown.commit.as_str(), shown.context.as_str(), shown.state),
        ("acme/web", SHA, "penstock/web", StatusState::Pending)
    );
    assert_eq!(shown.target_url.as_deref(), Some("http://penstock.example/pipelines/web"));
    assert_eq!(outside.states(), [StatusState::Pending]);
    installation.settle().await;
    for record in &early {
        notify.tell(record).await.unwrap();
    }
    let late = outside.states();
    assert!(!late.contains(&StatusState::Pending), "a late record tells what is so now: {late:?}");
    assert!(stages(&installation, &id).await.starts_with("Failed"));
    for record in installation.fakes.store.all_records() {
        notify.tell(&record).await.unwrap();
    }
    assert!(outside.states().iter().all(|state| *state == StatusState::Failure));
}

#[tokio::test]
async fn a_success_is_shown_and_a_stop_is_no_verdict_on_the_commit() {
    let installation = from_github().await;
    let outside = Arc::new(Outside::default());
    let (notify, approvals) = notify(&installation, &outside).await;
    let id = started_with(&installation, SHA).await;
    installation.settle().await;
    let build = name("Build");
    let all = RetryActions::AllActions;
    installation.control.retry(&web_name(), Some(id.clone()), &build, all).await.unwrap();
    installation.settle().await;
    for record in installation.fakes.store.all_records() {
        notify.tell(&record).await.unwrap();
    }
    assert_eq!(outside.states().last(), Some(&StatusState::Pending), "the retry waits for a verdict");
    let token =
        approvals.link_of(&attempt(&id, "Release", "Sign-off", 1), &name("Ada"), generation("Ada").as_ref());
    approvals.decide(token.rsplit('/').next().unwrap(), true, "", "").await.unwrap();
    installation.settle().await;
    for record in installation.fakes.store.all_records() {
        notify.tell(&record).await.unwrap();
    }
    let states = outside.states();
    assert!(!states.is_empty() && states.iter().all(|state| *state == StatusState::Success), "{states:?}");

    let other = "c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00";
    let stopped = started_with(&installation, other).await;
    installation.control.stop(&web_name(), &stopped, true, "wrong one", "alice").await.unwrap();
    installation.settle().await;
    for record in installation.fakes.store.all_records() {
        notify.tell(&record).await.unwrap();
    }
    let statuses = outside.statuses.lock().unwrap();
    let last = statuses.iter().rfind(|status| status.commit == other).unwrap();
    assert_eq!((last.state, last.description.as_str()), (StatusState::Error, "Stopped by alice: wrong one"));
}

#[tokio::test]
async fn of_two_executions_of_a_commit_the_newer_one_counts() {
    let installation = from_github().await;
    let outside = Arc::new(Outside::default());
    let (notify, _) = notify(&installation, &outside).await;
    let older = started_with(&installation, SHA).await;
    installation.settle().await;
    let newer = started_with(&installation, SHA).await;
    for record in installation.fakes.store.all_records() {
        notify.tell(&record).await.unwrap();
        let expected = if record.execution.as_ref() == Some(&newer) { 1 } else { 0 };
        assert_eq!(outside.states().len(), expected, "{older} has failed, and its records come late");
    }
}

#[tokio::test]
async fn a_status_that_is_refused_is_set_again_for_a_right_may_be_granted_meanwhile() {
    let installation = from_github().await;
    let outside = Arc::new(Outside::default());
    let (notify, _) = notify(&installation, &outside).await;
    drop(started_with(&installation, SHA).await);
    let records = installation.fakes.store.all_records();
    let first = records.iter().find(|record| record.execution.is_some()).unwrap();
    for refusal in [PortError::transient("set: 502"), PortError::permanent("set: no right to it")] {
        *outside.refusal.lock().unwrap() = Some(refusal);
        notify.tell(first).await.unwrap_err();
        assert_eq!(outside.states(), [StatusState::Pending]);
    }
    *outside.refusal.lock().unwrap() = None;
    assert_eq!(notify.tell(first).await.unwrap(), Vec::<String>::new());
    assert_eq!(outside.states(), [StatusState::Pending]);
    let why = "set: no such repository".to_owned();
    *outside.never.lock().unwrap() = Some(Shown::Never { why: why.clone() });
    assert_eq!(notify.tell(first).await.unwrap(), [why], "it is said, and the record is done with");
    assert_eq!(outside.states(), [StatusState::Pending], "once");
}

/// A code host that takes its time: something happens before a status is shown, the last first.
struct Slow {
    outside: Arc<Outside>,
    installation: Arc<Installation>,
    meanwhile: Mutex<Vec<Meanwhile>>,
}

enum Meanwhile {
    Ends,
    StartsAgain,
}

#[async_trait]
impl Statuses for Slow {
    async fn set(&self, status: &CommitStatus) -> Result<Shown, PortError> {
        let meanwhile = self.meanwhile.lock().unwrap().pop();
        match meanwhile {
            Some(Meanwhile::Ends) => self.installation.settle().await,
            Some(Meanwhile::StartsAgain) => drop(started_with(&self.installation, SHA).await),
            None => {}
        }
        self.outside.set(status).await
    }
}

#[tokio::test]
async fn what_happens_while_a_status_is_set_is_shown_after_it() {
    let installation = Arc::new(from_github().await);
    let outside = Arc::new(Outside::default());
    let id = started_with(&installation, SHA).await;
    let meanwhile = Mutex::new(vec![Meanwhile::StartsAgain, Meanwhile::Ends]);
    let slow = Slow { outside: outside.clone(), installation: installation.clone(), meanwhile };
    let (notify, _) = notify(&installation, &outside).await;
    let notify = notify.with_statuses(Arc::new(slow));
    let mut records = installation.fakes.store.all_records().into_iter();
    let admitted = records.find(|record| record.execution.as_ref() == Some(&id)).unwrap();
    notify.tell(&admitted).await.unwrap();
    let expected = [StatusState::Pending, StatusState::Failure, StatusState::Pending];
    assert_eq!(outside.states(), expected, "it failed meanwhile, then a newer execution began");
}

#[tokio::test]
async fn of_a_stack_a_message_leads_to_the_provider_and_names_the_stack() {
    let page = "https://eu-west-1.console.aws.amazon.com/codesuite/codebuild/1";
    let provider = FakeProvider::new(move |work| match work.attempt.stage.as_str() {
        "Build" => {
            let error = AttemptError::new(ErrorCode::JobFailed, "npm test");
            let external = Some(External { id: "1".to_owned(), url: Some(page.to_owned()) });
            Conduct::Ends(Ending::Failed { error, external })
        }
        _ => Conduct::Succeeds,
    });
    let installation = from_github_by(provider).await;
    let id = started_with(&installation, SHA).await;
    installation.settle().await;
    let (fakes, outside) = (&installation.fakes, Arc::new(Outside::default()));
    let approvals = Arc::new(installation.approvals.clone());
    let reach = Reach::Signed("penstock-dev".to_owned());
    let notify =
        Notify::new(fakes.store.clone(), approvals, outside.clone(), reach).with_statuses(outside.clone());
    for record in fakes.store.all_records() {
        notify.tell(&record).await.unwrap();
    }
    let notices = outside.notices.lock().unwrap();
    let [failed] = &notices[..] else { panic!("one notice, not {notices:?}") };
    assert_eq!(failed.link.as_deref(), Some(page), "a browser that opens the pipeline's page is refused");
    let retry = format!("penstock retry web --stage Build --exec {id} --stack penstock-dev");
    assert_eq!(failed.command, retry);
    let way = failed.page.as_ref().unwrap();
    assert_eq!(way.command, "penstock proxy --stack penstock-dev");
    assert_eq!(way.url, "http://127.0.0.1:7879/pipelines/web");
    let statuses = outside.statuses.lock().unwrap();
    assert_eq!(statuses.last().unwrap().target_url.as_deref(), Some(page));
}

#[tokio::test]
async fn until_something_runs_that_has_a_page_a_status_leads_to_the_commits() {
    let commits = "https://github.com/acme/web/commit/6113728";
    let provider = FakeProvider::new(move |work| {
        let mut ending = FakeProvider::success(work);
        if let Ending::Succeeded(done) = &mut ending
            && let Some(revision) = &mut done.revision
        {
            revision.url = Some(commits.to_owned());
        }
        Conduct::Ends(ending)
    });
    let installation = from_github_by(provider).await;
    started_with(&installation, SHA).await;
    installation.settle().await;
    let (fakes, outside) = (&installation.fakes, Arc::new(Outside::default()));
    let approvals = Arc::new(installation.approvals.clone());
    let reach = Reach::Signed("penstock-dev".to_owned());
    let notify =
        Notify::new(fakes.store.clone(), approvals, outside.clone(), reach).with_statuses(outside.clone());
    for record in fakes.store.all_records() {
        notify.tell(&record).await.unwrap();
    }
    let statuses = outside.statuses.lock().unwrap();
    let first = statuses.first().unwrap();
    assert_eq!((first.state, first.target_url.as_deref()), (StatusState::Pending, Some(commits)));
}
