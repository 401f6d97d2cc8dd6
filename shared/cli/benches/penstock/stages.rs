//! (b) Ten sequential stages of `true`, per stage.

use crate::figures::{Figures, median};
use crate::floor;
use crate::server::{Server, pipeline};

const RUNS: usize = 40;
const STAGES: usize = 10;

/// Starts the pipeline again and again; the time from entering the first stage after the source to the end, by ten.
pub(crate) fn measure(figures: &mut Figures) {
    let server = Server::start();
    server.call("CreatePipeline", &pipeline("measured", "QUEUED", STAGES, "true"));
    let (mut samples, mut floors) = (vec![], vec![]);
    for run in 0..RUNS + 3 {
        let started = server.call("StartPipelineExecution", &serde_json::json!({"name": "measured"}));
        let id = started["pipelineExecutionId"].clone();
        let view = server.wait("measured", |view| view["executionId"] == id && !view["endedAt"].is_null());
        assert_eq!(view["status"], "Succeeded", "{view}");
        let source_ended = view["stages"][0]["actions"][0]["endedAt"].as_f64().expect("the source's end");
        let ended = view["endedAt"].as_f64().expect("the end");
        let floor = floor::syncs_round_a_shell();
        if run >= 3 {
            #[expect(clippy::cast_precision_loss, reason = "ten")]
            samples.push((ended - source_ended) / STAGES as f64);
            floors.push(floor);
        }
    }
    figures.add("stage_overhead", "ms", &mut samples, Some(median(floors)));
}
