//! A long history: executions like the last one, closed, with all the items that closed executions have.

use std::sync::Arc;

use penstock_app::engine::state::PipelineState;
use penstock_app::port::store::{Change, Commit, ItemState, Store};
use penstock_aws::sdk::Sdk;
use penstock_aws::store::TableStore;
use penstock_model::id::{CommandId, ExecutionId, PipelineName};

use crate::stack::Stack;

/// So many fit into one transaction, with three items each.
const AT_ONCE: u32 = 30;

/// Admits and closes `count` executions.
pub(crate) async fn put(stack: &Stack, pipeline: &str, count: u32) {
    let store = TableStore::new(&Sdk::from_config(stack.sdk()), stack.output("TableName"));
    let name: PipelineName = pipeline.parse().unwrap();
    let mut put = 0;
    while put < count {
        let many = AT_ONCE.min(count - put);
        store.commit(commit(&store, &name, put, many).await).await.unwrap();
        put += many;
    }
}

async fn commit(store: &TableStore, name: &PipelineName, first: u32, many: u32) -> Commit {
    let snapshot = store.load(name, &[]).await.unwrap();
    let like = store.executions(name, None, 1).await.unwrap().remove(0);
    let before = snapshot.state.pipeline.unwrap();
    let executions = (0..many).map(|number| {
        let id = CommandId::new(&format!("history-{}", first + number)).unwrap();
        let mut execution = like.as_ref().clone();
        execution.id = ExecutionId::derive(name, &id);
        execution.sequence = before.next_sequence + u64::from(number);
        let item = ItemState::Execution { execution: Arc::new(execution), open: false, next_due: None };
        Change { expected: 0, item, events: vec![] }
    });
    let after =
        PipelineState { next_sequence: before.next_sequence + u64::from(many), ..before.as_ref().clone() };
    let item = ItemState::Pipeline(Arc::new(after));
    let pipeline = Change { expected: snapshot.versions.pipeline, item, events: vec![] };
    Commit {
        pipeline: name.clone(),
        command: CommandId::new(&format!("history-{first}")).unwrap(),
        changes: executions.chain([pipeline]).collect(),
        admission: None,
        definition: None,
        at: like.started_at,
    }
}
