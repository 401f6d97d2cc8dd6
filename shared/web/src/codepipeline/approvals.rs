//! A person's verdict by API.

use penstock_app::control::GivenVerdict;
use penstock_model::id::{ActionName, PipelineName, StageName};
use serde::Serialize;

use super::error::or_missing;
use super::input::Input;
use super::operation::{Answer, Call};
use super::protocol::Moment;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Put {
    approved_at: Moment,
}

pub(crate) async fn put(call: Call<'_>) -> Answer {
    let pipeline: PipelineName = call.input.id("pipelineName")?;
    let stage: StageName = call.input.id("stageName")?;
    let action: ActionName = call.input.id("actionName")?;
    let token = call.input.required_text("token")?;
    let result = Input::of(call.input.required("result")?, "result")?;
    let approved = result.one_of("status", &[("Approved", true), ("Rejected", false)])?;
    result.required_text("summary")?;
    let comment = result.text_within("summary", 512)?.unwrap_or_default();
    let at = call
        .web
        .control
        .verdict(&pipeline, &stage, &action, Some(token), GivenVerdict { approved, by: &call.by, comment })
        .await
        .map_err(or_missing("InvalidApprovalTokenException"))?;
    call.answer(&Put { approved_at: Moment(at) })
}
