//! One damaged item keeps nobody from the others.

use penstock_app::port::store::Store;
use penstock_aws::queue::Tries;
use penstock_aws::store::TableStore;
use penstock_model::id::PipelineName;
use penstock_model::time::Timestamp;
use penstock_testkit::build::{build, name, pipeline, start};
use serde_json::{Value, json};

use crate::bench::{Plant, items, put, sdk, table};

/// Pipelines of these names, each with an open execution that is due at some time.
async fn plant(names: &[&str]) -> (String, Plant) {
    let table = table().await;
    let plant = Plant::new(TableStore::new(&sdk(), &table));
    for each in names {
        plant.define(pipeline(each).stage("Build", [build("Compile")]).build()).await;
        let (_, command) = start(&format!("start-{each}"), &name(each));
        plant.transition.carry_out(command).await.unwrap();
    }
    (table, plant)
}

async fn item(table: &str, pk: &str, sk: &str) -> Value {
    let all = items(table).await;
    all.into_iter().find(|item| item["pk"]["S"] == pk && item["sk"]["S"] == sk).unwrap()
}

fn named(names: &[&str]) -> Vec<PipelineName> {
    names.iter().map(|it| name(it)).collect()
}

async fn listed(plant: &Plant) -> Vec<PipelineName> {
    plant.store.pipelines().await.unwrap().readable.iter().map(|state| state.name.clone()).collect()
}

#[tokio::test]
async fn a_damaged_pipeline_is_left_out_of_the_list() {
    let (table, plant) = plant(&["api", "shop", "web"]).await;
    let mut damaged = item(&table, "PIPELINE#shop", "PIPELINE").await;
    damaged.as_object_mut().unwrap().remove("deflated");
    damaged["json"] = json!({"S": "{"});
    put(&table, &damaged).await;
    put(&table, &json!({"pk": {"S": "PIPELINES"}, "sk": {"S": "no name"}, "schema": {"N": "1"}})).await;
    assert_eq!(listed(&plant).await, named(&["api", "web"]));
    let [shop] = &plant.store.pipelines().await.unwrap().unreadable[..] else { panic!("one is damaged") };
    assert!(shop.name == name("shop") && !shop.error.retryable, "{shop:?}");
    let error = plant.store.pipeline(&name("shop")).await.unwrap_err();
    assert!(error.message.contains("PIPELINE#shop / PIPELINE"), "{error}");
}

/// After a stack was rolled back: whoever lists goes on with the others, and knows whom to come back to.
#[tokio::test]
async fn a_pipeline_of_a_newer_release_holds_up_no_other() {
    let (table, plant) = plant(&["api", "web"]).await;
    for (pk, sk) in [("PIPELINE#api", "PIPELINE"), ("PIPELINES", "api")] {
        let mut newer = item(&table, pk, sk).await;
        newer["schema"] = json!({"N": "99"});
        put(&table, &newer).await;
    }
    assert_eq!(listed(&plant).await, named(&["web"]));
    let [api] = &plant.store.pipelines().await.unwrap().unreadable[..] else { panic!("one is unreadable") };
    assert_eq!(api.name, name("api"));
    assert!(api.error.retryable && api.error.message.contains("newer release"), "{}", api.error);
    assert!(
        plant.store.load(&name("api"), &[]).await.is_err()
            && plant.store.load(&name("web"), &[]).await.is_ok()
    );
}

#[tokio::test]
async fn what_is_due_is_found_beside_what_belongs_nowhere() {
    let (table, plant) = plant(&["api", "web"]).await;
    for (number, pk) in ["PIPELINE#", "PIPELINE#no name", "SOMETHING"].into_iter().enumerate() {
        let shard = json!({"S": number.to_string()});
        put(&table, &json!({"pk": {"S": pk}, "sk": {"S": "x"}, "due_shard": shard, "due_at": {"N": "1"}}))
            .await;
    }
    assert_eq!(plant.store.due(Timestamp(1), true).await.unwrap(), named(&["api", "web"]));
    let late = Timestamp(i64::MAX / 2);
    let due = plant.store.due_since(late).await.unwrap();
    assert_eq!(due.into_iter().map(|(name, _)| name).collect::<Vec<_>>(), named(&["api", "web"]));
}

/// A try that has begun and not ended was broken off; one that failed was not.
#[tokio::test]
async fn tries_that_were_broken_off_are_counted() {
    let store = TableStore::new(&sdk(), &table().await);
    assert_eq!(store.broken_off("m").await.unwrap(), 0);
    store.begin("m", 0).await.unwrap();
    assert_eq!(store.broken_off("m").await.unwrap(), 1);
    store.begin("m", 1).await.unwrap();
    store.end("m", 1).await.unwrap();
    assert_eq!(store.broken_off("m").await.unwrap(), 1, "that one told why");
    store.begin("m", 1).await.unwrap();
    assert_eq!(store.broken_off("m").await.unwrap(), 2);
    assert_eq!(store.broken_off("another").await.unwrap(), 0);
}
