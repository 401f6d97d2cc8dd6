//! The contract of [`Store`].

mod bench;
mod read;
mod write;

use std::sync::Arc;

use penstock_app::port::store::Store;

use bench::Bench;

/// # Panics
/// If the adapter breaks the contract.
pub async fn store_contract(make: impl AsyncFn() -> Arc<dyn Store>) {
    let bench = async || Bench::new(make().await);
    write::what_is_written_is_read(&bench().await).await;
    write::another_version_is_a_conflict(&bench().await).await;
    write::a_landed_commit_counts_as_done(&bench().await).await;
    write::a_delivery_is_admitted_once(&bench().await).await;
    write::a_definition_version_is_added_once(&bench().await).await;
    write::one_of_many_wins(&bench().await).await;
    write::what_cannot_be_decided_is_put_aside(&bench().await).await;
    read::nothing_is_there_at_first(&bench().await).await;
    read::open_and_named_executions_are_loaded(&bench().await).await;
    read::last_successes_and_their_definitions_are_loaded(&bench().await).await;
    read::executions_come_newest_first(&bench().await).await;
    read::records_come_oldest_first(&bench().await).await;
    read::what_is_due_is_found(&bench().await).await;
    read::deleted_pipelines_are_not_listed(&bench().await).await;
}
