//! A pipeline is deleted, once nothing of it is under way.

use penstock_model::id::PipelineName;

use super::existing;
use crate::draft::Draft;
use crate::event::Fact;
use crate::pending::is_open;
use crate::rejection::Rejection;

pub(super) fn delete(draft: &mut Draft<'_>, name: &PipelineName) -> Result<(), Rejection> {
    existing(draft, name)?;
    let open = draft.state.executions.values().filter(|execution| is_open(execution)).count();
    if open > 0 {
        return Err(Rejection::ExecutionsOpen { open });
    }
    draft.record(Fact::Deleted);
    Ok(())
}
