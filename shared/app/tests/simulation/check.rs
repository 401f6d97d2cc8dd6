//! What has to be true once everything is calm.

use std::collections::{BTreeMap, BTreeSet};

use penstock_app::port::clock::Clock;
use penstock_app::port::provider::Ending;
use penstock_app::port::store::Store;
use penstock_engine::state::{
    Attempt, AttemptStatus, Execution, ExecutionKind, ExecutionStatus, Position, StageStatus, State,
};
use penstock_engine::{apply, pending};
use penstock_model::id::AttemptId;
use penstock_model::pipeline::ExecutionMode;

use super::world::{World, is_approval};

pub(crate) async fn everything(world: &World) {
    assert_eq!(world.fakes.provider.started_twice(), [], "an attempt is started once");
    assert_eq!(world.fakes.provider.running().len(), 0, "nothing runs that nobody waits for");
    assert!(world.fakes.store.quarantined().is_empty(), "{:?}", world.fakes.store.quarantined());
    nothing_is_owed(world).await;
    let executions = world.executions().await;
    every_delivery_starts_each_pipeline_once(&executions);
    for execution in &executions {
        ended_rightly(world, execution).await;
        its_records_are_its_history(world, execution).await;
    }
    nothing_ran_beside_the_history(world).await;
}

async fn nothing_is_owed(world: &World) {
    for pipeline in &world.pipelines {
        let snapshot = world.fakes.store.load(pipeline, &[]).await.expect("loading");
        assert_eq!(pending(&snapshot.state, world.fakes.clock.now()), [], "nothing is owed");
    }
}

fn every_delivery_starts_each_pipeline_once(executions: &[std::sync::Arc<Execution>]) {
    let mut seen = BTreeSet::new();
    for execution in executions {
        if let Some(delivery) = &execution.trigger.delivery {
            assert!(
                seen.insert((&execution.pipeline, delivery)),
                "{delivery} started {} twice",
                execution.pipeline
            );
        }
    }
}

async fn ended_rightly(world: &World, execution: &Execution) {
    assert!(execution.status.is_terminal(), "{} is {:?}", execution.id, execution.status);
    let (_, definition, _) = world
        .desk
        .query
        .definition(&execution.pipeline, Some(execution.definition))
        .await
        .expect("its definition");
    if execution.status == ExecutionStatus::Succeeded {
        let stages = match execution.kind {
            ExecutionKind::Standard => definition.stages.len(),
            ExecutionKind::Rollback { .. } => 1,
        };
        assert_eq!(execution.stages.len(), stages, "a success went through all stages");
        for run in &execution.stages {
            assert_eq!(run.status, StageStatus::Succeeded);
            let actions = definition.stage(&run.name).map(|stage| stage.actions.len());
            assert_eq!(Some(run.actions.len()), actions, "every action of {} ran", run.name);
        }
    }
    for run in &execution.stages {
        for (action, attempt) in &run.actions {
            assert!(attempt.status.is_terminal() && attempt.unsettled().is_none(), "{attempt:#?}");
            let id = execution.attempt_id(&run.name, action, attempt.number);
            if is_approval(&definition, &id) {
                continue;
            }
            let ending = world.fakes.provider.ending(&id);
            let well = matches!(ending, Some(Ending::Succeeded(_)));
            match attempt.status {
                AttemptStatus::Succeeded => assert!(well, "{id} is said to have succeeded, but {ending:?}"),
                AttemptStatus::Failed => failed_rightly(execution, &id, attempt, ending.as_ref()),
                AttemptStatus::Scheduled | AttemptStatus::InProgress | AttemptStatus::Abandoned => {}
            }
        }
    }
}

/// An attempt fails because its work did, its worker died, or its time was over; because of the weather only a fetch that is
/// not tried again after a stop.
fn failed_rightly(execution: &Execution, id: &AttemptId, attempt: &Attempt, ending: Option<&Ending>) {
    let error = attempt.error.as_ref().expect("a failure has a reason");
    match error.code.as_str() {
        "JobFailed" => {
            assert!(matches!(ending, Some(Ending::Failed { .. })), "{id}: {error:?}, but {ending:?}");
        }
        "RevisionUnavailable" => assert!(execution.stop.is_some(), "{id}: {error:?}, and nobody stopped it"),
        "TimedOut" => assert!(attempt.cancellation.is_some(), "{id}: {error:?}"),
        code => assert_eq!(code, "Interrupted", "{id}: {error:?}"),
    }
}

/// Outside PARALLEL an execution has each stage to itself.
pub(crate) async fn one_occupant(world: &World) {
    let mut occupied = BTreeSet::new();
    for execution in world.executions().await {
        let Position::In { stage } = &execution.position else {
            continue;
        };
        if execution.mode != ExecutionMode::Parallel {
            let place = (execution.pipeline.clone(), stage.clone());
            assert!(
                occupied.insert(place),
                "{} is not alone in {stage} of {}",
                execution.id,
                execution.pipeline
            );
        }
    }
}

/// Replaying the records gives the stored execution.
async fn its_records_are_its_history(world: &World, execution: &Execution) {
    let records = world.fakes.store.records(&execution.id, 0, usize::MAX).await.expect("records");
    let versions: Vec<u64> = records.iter().map(|record| record.version).collect();
    assert_eq!(versions, (1..=records.len() as u64).collect::<Vec<_>>(), "a record for each version");
    let mut state = State::default();
    for event in records.iter().flat_map(|record| &record.events) {
        apply(&mut state, event);
    }
    let replayed = state.executions.get(&execution.id).map(AsRef::as_ref);
    assert_eq!(replayed, Some(execution), "replaying the records gives the state");
}

/// All work that was started belongs to an attempt of the history, each numbered once.
async fn nothing_ran_beside_the_history(world: &World) {
    let mut numbers: BTreeMap<_, Vec<u32>> = BTreeMap::new();
    for work in world.fakes.provider.started() {
        let history =
            world.desk.query.attempts(&work.pipeline, &work.attempt.execution).await.expect("the history");
        assert!(history.iter().any(|known| known.id == work.attempt), "{} is in no history", work.attempt);
        let id = work.attempt;
        numbers.entry((id.execution, id.stage, id.action)).or_default().push(id.number);
    }
}
