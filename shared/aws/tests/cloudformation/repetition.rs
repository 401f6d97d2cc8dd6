//! What was begun without our learning of it is found and not begun again.

use penstock_app::port::provider::{Begun, Provider};

use super::stage::{Stage, end, perform, work};
use super::{TEMPLATE, beginnings, client, deploys, provider, succeeded};

#[tokio::test]
async fn a_creation_an_update_and_a_deletion_begin_once() {
    let stage = Stage::new().await;
    let one = stage.artifact("once", "App", &[("template.yml", TEMPLATE)]).await;
    let changed = TEMPLATE.replace("Default: one", "Default: changed");
    let two = stage.artifact("once", "App", &[("template.yml", &changed)]).await;
    let provider = provider(&stage);
    let deploy = deploys("CREATE_UPDATE", "once").build();
    for (number, app, value, status) in
        [(1, one.clone(), "one", "CREATE_IN_PROGRESS"), (2, two, "changed", "UPDATE_IN_PROGRESS")]
    {
        let work = work("once", number, deploy.clone(), vec![app]);
        let Begun::Running(_) = provider.start(&work, false).await.unwrap() else {
            panic!("it does not run");
        };
        // At once, while it runs, and again after its end.
        for _ in 0..2 {
            let begun = provider.start(&work, true).await.unwrap();
            let done = succeeded(end(&provider, &work, begun).await);
            assert_eq!(done.variables["Chosen"], value);
        }
        assert_eq!(beginnings(&stage, "once", status).await, [work.attempt.token()]);
    }
    let work = work("once", 3, deploys("DELETE_ONLY", "once").build(), vec![one]);
    let Begun::Running(external) = provider.start(&work, false).await.unwrap() else {
        panic!("it does not run");
    };
    let begun = provider.start(&work, true).await.unwrap();
    succeeded(end(&provider, &work, begun).await);
    let deletions = beginnings(&stage, &external.id, "DELETE_IN_PROGRESS").await;
    assert_eq!(deletions, [work.attempt.token()]);
}

#[tokio::test]
async fn an_attempt_that_ended_is_not_begun_again_when_others_went_on() {
    let stage = Stage::new().await;
    let one = stage.artifact("others", "App", &[("template.yml", TEMPLATE)]).await;
    let changed = TEMPLATE.replace("Default: one", "Default: changed");
    let two = stage.artifact("others", "App", &[("template.yml", &changed)]).await;
    let provider = provider(&stage);
    let deploy = deploys("CREATE_UPDATE", "others").build();
    let first = work("others", 1, deploy.clone(), vec![one]);
    succeeded(perform(&provider, &first).await);
    succeeded(perform(&provider, &work("others", 2, deploy, vec![two])).await);
    let begun = provider.start(&first, true).await.unwrap();
    assert!(matches!(begun, Begun::Ended(_)), "{begun:?}");
    assert_eq!(beginnings(&stage, "others", "UPDATE_IN_PROGRESS").await.len(), 1);
}

#[tokio::test]
async fn a_change_set_is_made_and_executed_once() {
    let stage = Stage::new().await;
    let app = stage.artifact("set-once", "App", &[("template.yml", TEMPLATE)]).await;
    let provider = provider(&stage);
    let make = deploys("CHANGE_SET_REPLACE", "set-once").set("ChangeSetName", "next").build();
    let make = work("set-once", 1, make, vec![app.clone()]);
    let mut ids = vec![];
    for taken_over in [false, true] {
        let begun = provider.start(&make, taken_over).await.unwrap();
        succeeded(end(&provider, &make, begun).await);
        let call = client(&stage).describe_change_set().stack_name("set-once").change_set_name("next");
        ids.push(call.send().await.unwrap().change_set_id.unwrap());
    }
    assert_eq!(ids[0], ids[1]);
    let execute = deploys("CHANGE_SET_EXECUTE", "set-once").set("ChangeSetName", "next").build();
    let execute = work("set-once", 2, execute, vec![app]);
    for taken_over in [false, true, true] {
        let begun = provider.start(&execute, taken_over).await.unwrap();
        let done = succeeded(end(&provider, &execute, begun).await);
        assert_eq!(done.variables["Chosen"], "one");
    }
    assert_eq!(beginnings(&stage, "set-once", "CREATE_IN_PROGRESS").await, [execute.attempt.token()]);
}
