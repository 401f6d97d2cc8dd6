//! Following an execution that this very process performs.

use async_trait::async_trait;
use penstock_app::control::GivenVerdict;
use penstock_app::view::ExecutionView;
use penstock_local::machine::Machine;
use penstock_model::id::{AttemptId, ExecutionId, PipelineName};
use penstock_model::pipeline::Category;

use crate::reach::{ApprovalPlace, LogPart, Reach, me};

/// The most that is read of a log at a time.
const PART: usize = 256 * 1024;

/// A machine in this process.
pub(crate) struct InProcess<'a>(pub(crate) &'a Machine);

#[async_trait]
impl Reach for InProcess<'_> {
    async fn execution(
        &self,
        pipeline: &PipelineName,
        id: Option<&ExecutionId>,
    ) -> anyhow::Result<ExecutionView> {
        let mut view = self.0.query.execution(pipeline, id).await?;
        // No server answers here, so an approval has no page.
        let actions = view.stages.iter_mut().flat_map(|stage| &mut stage.actions);
        actions.filter(|action| action.category == Category::Approval).for_each(|action| action.link = None);
        Ok(view)
    }

    async fn log(&self, attempt: &AttemptId, offset: u64) -> anyhow::Result<LogPart> {
        let bytes = self.0.query.log(attempt, offset, PART).await?.to_vec();
        Ok(LogPart { next: offset + bytes.len() as u64, bytes })
    }

    async fn verdict(&self, place: &ApprovalPlace, approved: bool, comment: &str) -> anyhow::Result<()> {
        let ApprovalPlace { pipeline, execution, stage, action } = place;
        let (control, me) = (&self.0.control, me());
        let given = GivenVerdict { approved, by: &me, comment };
        match execution {
            None => control.verdict(pipeline, stage, action, None, given).await?,
            Some(id) => control.verdict_in(pipeline, id, stage, action, given).await?,
        };
        Ok(())
    }

    async fn stop(&self, pipeline: &PipelineName, id: &ExecutionId, abandon: bool) -> anyhow::Result<()> {
        Ok(self.0.control.stop(pipeline, id, abandon, "", &me()).await?)
    }

    fn whole_log(&self, attempt: &AttemptId) -> String {
        self.0.query.log_location(attempt)
    }
}
