//! People are told from the records, once for each, whenever they are read.

use penstock_app::port::notifier::{Notice, NoticeKind};
use penstock_engine::command::RetryActions;
use penstock_testkit::build::name;
use penstock_testkit::fake::{Conduct, FakeProvider};
use penstock_testkit::installation::Installation;

use super::{attempt, started, web, web_name, with};

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
    assert_eq!((asked.kind, &asked.link, &asked.execution_id), (NoticeKind::ApprovalNeeded, &link, &id));
    assert_eq!(asked.summary, "Sign-off waits for a verdict of c0ffee00 Brew");
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
        (failed.summary.as_str(), failed.link.as_str()),
        ("npm test: exit code 1", "http://penstock.example/pipelines/web")
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
