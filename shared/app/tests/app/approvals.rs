//! Approvals by link.

use std::time::Duration;

use penstock_app::approvals::ApprovalError;
use penstock_testkit::installation::Installation;

use super::{attempt, stages, started, web, with};

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
    assert_eq!(view.commit.as_ref().map(|revision| revision.id.as_str()), Some("c0ffee00"));
    assert_eq!(view.artifacts.len(), 2);
    assert_eq!(view.expires_at.since(view.requested_at), Duration::from_secs(3600));
    installation.approvals.open(&token).await.expect("looking changes nothing");

    let decided = installation.approvals.decide(&token, true, "bob", "ship it").await.expect("approving");
    assert!(decided.verdict.is_some_and(|verdict| verdict.approved));
    installation.settle().await;
    assert!(stages(&installation, &id).await.starts_with("Succeeded"));
    assert!(stages(&installation, &behind).await.ends_with("Release InProgress"));
    for again in [
        installation.approvals.open(&token).await,
        installation.approvals.decide(&token, false, "eve", "").await,
    ] {
        assert_eq!(again, Err(ApprovalError::Settled("approved by bob: ship it".to_owned())));
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
        installation.approvals.open(&token).await,
        installation.approvals.decide(&token, true, "bob", "").await,
        installation.approvals.open(&token).await,
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
