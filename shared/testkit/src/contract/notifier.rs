//! The contract of [`Notifier`].

use std::sync::Arc;

use penstock_app::port::notifier::{Audience, Notice, NoticeKind, NoticedCommit, NoticedFailure, Notifier};
use serde_json::Value;

use crate::build::name;

/// `make` gives a notifier and what programs that it tells have been told since they were asked last, as JSON.
///
/// # Panics
/// If the adapter breaks the contract.
pub async fn notifier_contract<T: AsyncFnMut() -> Vec<Value>>(
    make: impl AsyncFn() -> (Arc<dyn Notifier>, T),
) {
    let (notifier, mut told) = make().await;
    assert_eq!(told().await, Vec::<Value>::new());
    for kind in [NoticeKind::ApprovalNeeded, NoticeKind::ExecutionFailed] {
        let notice = notice(kind);
        for time in ["the first time", "again"] {
            notifier.tell(&notice).await.expect(time);
            let told = told().await;
            let [told] = &told[..] else { panic!("{time} it is told once, not {told:?}") };
            let expected = serde_json::to_value(&notice).expect("a notice");
            for (member, value) in expected.as_object().expect("members") {
                assert_eq!(told.get(member), Some(value), "{time}: `{member}` is told as it is");
            }
            assert_eq!(told.get("to"), None, "who is told is no part of it");
        }
    }
}

/// With text that others wrote: it is quoted where it is told, and changes nothing.
fn notice(kind: NoticeKind) -> Notice {
    Notice {
        kind,
        pipeline: name("web"),
        execution_id: name("2b1f0c3a-5d7e-4f60-8a91-b2c3d4e5f607"),
        stage: name("Release"),
        action: name("Ship"),
        summary: "\"npm test\"\nfällt aus\r\n}{".to_owned(),
        link: Some("https://penstock.example/approvals/a.b".to_owned()),
        page: None,
        time: "2023-11-14T22:13:20.000Z".to_owned(),
        error_code: None,
        trigger: "webhook: push to branch `main`".to_owned(),
        commit: Some(NoticedCommit {
            id: "c0ffee00".to_owned(),
            summary: Some("Brew ✗".to_owned()),
            author: Some("Ada".to_owned()),
            ..NoticedCommit::default()
        }),
        more_commits: vec![NoticedCommit {
            id: "beef".to_owned(),
            source: Some(name("Infra")),
            ..NoticedCommit::default()
        }],
        also_failed: vec![NoticedFailure {
            action: name("Lint"),
            error_code: "JobFailed".to_owned(),
            summary: "\"eslint\"".to_owned(),
        }],
        log: vec!["one".to_owned(), String::new()],
        command: "penstock retry web --stage Release".to_owned(),
        approval: None,
        to: Audience::Everyone,
    }
}
