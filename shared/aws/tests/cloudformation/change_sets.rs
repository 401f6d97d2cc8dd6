//! Change sets are made, replaced and executed.

use penstock_app::port::provider::{Ending, Observation, Provider};

use super::stage::{Stage, perform, work};
use super::{TEMPLATE, client, deploys, failed, provider, succeeded};

#[tokio::test]
async fn a_set_is_made_for_a_new_stack_and_executed() {
    let stage = Stage::new().await;
    let app = stage.artifact("sets", "App", &[("template.yml", TEMPLATE)]).await;
    let provider = provider(&stage);
    let make = deploys("CHANGE_SET_REPLACE", "sets").set("ChangeSetName", "next").build();
    let execute = deploys("CHANGE_SET_EXECUTE", "sets").set("ChangeSetName", "next").build();

    let why = failed(perform(&provider, &work("sets", 1, execute.clone(), vec![app.clone()])).await);
    assert!(why.starts_with("ChangeSetNotFound"), "{why}");

    let done = succeeded(perform(&provider, &work("sets", 2, make.clone(), vec![app.clone()])).await);
    assert_eq!(done.summary.unwrap(), "change set next: made");
    assert!(done.external.unwrap().url.unwrap().contains("changesets"));
    let done = succeeded(perform(&provider, &work("sets", 3, execute.clone(), vec![app.clone()])).await);
    assert_eq!(done.variables["Chosen"], "one");

    let done = succeeded(perform(&provider, &work("sets", 4, make, vec![app.clone()])).await);
    assert_eq!(done.summary.unwrap(), "change set next: made without changes");
    assert_eq!(done.variables["Chosen"], "one");
    let done = succeeded(perform(&provider, &work("sets", 5, execute, vec![app])).await);
    assert_eq!(done.summary.unwrap(), "change set next: not executed: it has no changes");
}

/// To set it beforehand would change the stack before anybody has approved the change set.
#[tokio::test]
async fn a_stack_policy_is_refused_and_not_set_behind_an_approval() {
    let stage = Stage::new().await;
    let policy = r#"{"StackPolicy":{"Statement":[{"Effect":"Allow","Action":"Update:*","Principal":"*","Resource":"*"}]}}"#;
    let app = stage.artifact("policed", "App", &[("template.yml", TEMPLATE), ("prod.json", policy)]).await;
    let provider = provider(&stage);
    let create = deploys("CREATE_UPDATE", "policed").build();
    succeeded(perform(&provider, &work("policed", 1, create, vec![app.clone()])).await);
    let make = deploys("CHANGE_SET_REPLACE", "policed").set("ChangeSetName", "next");
    let make = make.set("TemplateConfiguration", "App::prod.json").build();
    let why = failed(perform(&provider, &work("policed", 2, make, vec![app])).await);
    assert!(why.contains("StackPolicy") && why.contains("CREATE_UPDATE"), "{why}");
    let set = client(&stage).get_stack_policy().stack_name("policed").send().await.unwrap();
    assert!(!set.stack_policy_body().unwrap_or_default().contains("Update:*"), "{set:?}");
}

#[tokio::test]
async fn a_set_of_the_same_name_is_replaced() {
    let stage = Stage::new().await;
    let app = stage.artifact("replaced", "App", &[("template.yml", TEMPLATE)]).await;
    let provider = provider(&stage);
    let create = deploys("CREATE_UPDATE", "replaced").build();
    succeeded(perform(&provider, &work("replaced", 1, create, vec![app.clone()])).await);
    let make = |value: &str| {
        deploys("CHANGE_SET_REPLACE", "replaced")
            .set("ChangeSetName", "next")
            .set("ParameterOverrides", &format!(r#"{{"Value":"{value}"}}"#))
            .build()
    };
    for (number, value) in [(2, "two"), (3, "three")] {
        succeeded(perform(&provider, &work("replaced", number, make(value), vec![app.clone()])).await);
    }
    let execute = deploys("CHANGE_SET_EXECUTE", "replaced").set("ChangeSetName", "next").build();
    let done = succeeded(perform(&provider, &work("replaced", 4, execute.clone(), vec![app.clone()])).await);
    assert_eq!(done.variables["Chosen"], "three");
    let why = failed(perform(&provider, &work("replaced", 5, execute, vec![app])).await);
    assert!(why.contains("EXECUTE_COMPLETE") || why.contains("ChangeSetNotFound"), "{why}");
}

#[tokio::test]
async fn a_stop_takes_our_set_away_and_leaves_others() {
    let stage = Stage::new().await;
    let app = stage.artifact("stopped", "App", &[("template.yml", TEMPLATE)]).await;
    let provider = provider(&stage);
    let make = deploys("CHANGE_SET_REPLACE", "stopped").set("ChangeSetName", "next").build();
    let ours = work("stopped", 1, make.clone(), vec![app.clone()]);
    succeeded(perform(&provider, &ours).await);
    let other = work("stopped", 2, make, vec![app]);
    assert_eq!(provider.cancel(&other, None).await.unwrap(), Observation::Gone);
    assert_eq!(provider.cancel(&ours, None).await.unwrap(), Observation::Ended(Ending::Cancelled));
    let left = client(&stage).list_change_sets().stack_name("stopped").send().await.unwrap();
    assert!(left.summaries().is_empty());
}
