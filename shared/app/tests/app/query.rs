//! What people look at.

use penstock_app::error::AppError;
use penstock_engine::rejection::Rejection;
use penstock_model::id::DefinitionVersion;
use penstock_testkit::installation::Installation;

use super::{attempt, started, web, web_name, with};

#[tokio::test]
async fn an_execution_that_waits_for_a_verdict() {
    let installation = with(Installation::default(), web()).await;
    let nothing = installation.query.execution(&web_name(), None).await;
    assert!(matches!(nothing, Err(AppError::NotFound(_))), "{nothing:?}");
    let id = started(&installation).await;
    let behind = started(&installation).await;
    let view = installation.query.execution(&web_name(), Some(&id)).await.expect("the execution");
    let commit = [&view.commit, &view.commit_summary, &view.commit_author].map(Option::as_deref);
    assert_eq!(commit, [Some("c0ffee00"), Some("Brew"), Some("Ada")]);
    let release = &view.stages[2];
    assert_eq!((release.status.as_str(), release.waiting_behind), ("InProgress", 1));
    let [asked, ship] = &release.actions[..] else { panic!("two actions") };
    assert_eq!(asked.link, Some(installation.approvals.link(&attempt(&id, "Release", "Sign-off", 1))));
    assert_eq!((ship.status.as_str(), ship.attempt, &ship.link), ("NotStarted", 0, &None));
    let waiting = installation.query.execution(&web_name(), None).await.expect("the latest");
    assert_eq!(waiting.execution_id, behind);
    assert_eq!(waiting.stages[2].note, Some(format!("waits for execution {id} to leave the stage")));
    let page = installation.query.executions(&web_name(), None, 10).await.expect("a page");
    assert_eq!(page.iter().map(|it| &it.id).collect::<Vec<_>>(), [&behind, &id]);
    assert_eq!(installation.query.pipeline_of(&id).await.expect("its pipeline"), web_name());
    let variables =
        installation.query.variables(&attempt(&id, "Source", "Fetch", 1)).await.expect("variables");
    assert_eq!(variables["CommitId"], "c0ffee00");
}

#[tokio::test]
async fn changes_are_announced() {
    let installation = with(Installation::default(), web()).await;
    let seen = installation.query.changes();
    let query = installation.query.clone();
    let waiter = tokio::spawn(async move { query.wait_for_change(seen).await });
    started(&installation).await;
    assert!(waiter.await.expect("a change") > seen);
    let (_, _, version) = installation.query.definition(&web_name(), None).await.expect("the definition");
    assert_eq!(version, DefinitionVersion(1));
    let (snapshot, latest) = installation.query.pipeline_snapshot(&web_name()).await.expect("a snapshot");
    assert_eq!((snapshot.state.executions.len(), latest.stages.len()), (1, 3));
    let unknown = installation.query.pipeline_snapshot(&penstock_testkit::build::name("nope")).await;
    assert!(matches!(unknown, Err(AppError::Rejected(Rejection::PipelineNotFound { .. }))));
}
