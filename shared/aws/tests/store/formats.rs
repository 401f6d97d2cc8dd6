//! Items that a release has written are read by those that follow.

use penstock_app::port::store::Store;
use penstock_aws::store::TableStore;
use penstock_aws::store::record_from_image;
use penstock_model::id::PipelineName;
use penstock_testkit::build::name;

use crate::bench::{Plant, items, sdk, table};

#[tokio::test]
async fn a_record_is_read_from_the_streams_image() {
    let table = table().await;
    let plant = Plant::new(TableStore::new(&sdk(), &table));
    let web: PipelineName = name("web");
    plant.define(crate::faults::definition("web")).await;
    let execution = plant.run(&web, "start-1").await;
    let records = plant.store.records(&execution.id, 0, 100).await.unwrap();
    let all = items(&table).await;
    let mut read: Vec<_> = all.iter().filter_map(|item| record_from_image(item).unwrap()).collect();
    read.sort_by_key(|record| record.version);
    let of_pipeline: Vec<_> = read.iter().filter(|record| record.execution.is_none()).collect();
    assert_eq!(of_pipeline.len(), 1, "the definition's");
    assert_eq!(of_pipeline[0].command.as_str(), "define-web");
    read.retain(|record| record.execution.is_some());
    assert_eq!(read, records);
}
