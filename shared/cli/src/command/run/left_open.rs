//! Executions that an earlier run left open because it was killed. Nobody serves them, and they would keep their stages.

use penstock_app::error::AppError;
use penstock_local::machine::Idle;

use crate::reach::me;
use crate::show::{brief, out};

/// Why they are stopped, for the records.
const REASON: &str = "left open by a run that was killed";

/// Stops every open execution of `machine` and abandons what ran of it, before anything of it goes on. The folder's lock
/// says that no other run is at work here.
pub(super) async fn stop(machine: &Idle) -> anyhow::Result<()> {
    for pipeline in machine.query.pipelines().await? {
        let (snapshot, _) = machine.query.pipeline_snapshot(&pipeline.name).await?;
        let mut open: Vec<_> =
            snapshot.state.executions.values().filter(|it| !it.status.is_terminal()).collect();
        // The latest first: none moves up into the place of one that was stopped.
        open.sort_by_key(|execution| std::cmp::Reverse(execution.sequence));
        for execution in open {
            let stopped = machine.control.stop(&pipeline.name, &execution.id, true, REASON, &me()).await;
            match stopped {
                Ok(()) => out::note(format!(
                    "Stopping execution {} of {}: an earlier run was killed and left it open.",
                    brief(&execution.id),
                    pipeline.name
                )),
                // It is being abandoned already, or has ended at this very moment.
                Err(AppError::Rejected(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
    Ok(())
}
