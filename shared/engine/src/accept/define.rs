//! A definition becomes the latest. Executions that are under way keep the version that they pin.

use penstock_model::id::{DefinitionVersion, PipelineName};

use super::existing;
use crate::command::DefineMode;
use crate::draft::Draft;
use crate::event::Fact;
use crate::rejection::Rejection;

pub(super) fn define(
    draft: &mut Draft<'_>,
    name: &PipelineName,
    version: DefinitionVersion,
    mode: DefineMode,
) -> Result<(), Rejection> {
    match (mode, existing(draft, name)) {
        (DefineMode::Create, Ok(_)) => {
            return Err(Rejection::PipelineNameInUse { pipeline: name.clone() });
        }
        (DefineMode::Update, Err(missing)) => return Err(missing),
        (DefineMode::Create, Err(_)) | (DefineMode::Update, Ok(_)) => {}
    }
    let latest = draft.state.pipeline.as_ref().map_or(0, |pipeline| pipeline.definition.0);
    if version.0 != latest + 1 {
        return Err(Rejection::DefinitionOutdated);
    }
    let Some(definition) = draft.definitions.get(&version) else {
        return Err(Rejection::Invalid {
            problem: format!("definition version {version} is not stored; define it again"),
        });
    };
    let stages = definition.stages.iter().map(|stage| stage.name.clone()).collect();
    draft.record(Fact::Defined { pipeline: name.clone(), version, stages });
    Ok(())
}
