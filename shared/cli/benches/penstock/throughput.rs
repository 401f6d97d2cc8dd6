//! (c) 200 one-command executions submitted at once, 50 to each of four PARALLEL pipelines.

use serde_json::{Value, json};

use crate::figures::Figures;
use crate::server::{Server, now, pipeline};

const EACH: usize = 50;
const RUNS: usize = 5;

/// From the first request to the last execution's end.
pub(crate) fn measure(figures: &mut Figures) {
    let server = Server::start();
    let names: Vec<String> = (1..=4).map(|index| format!("measured-{index}")).collect();
    for name in &names {
        server.call("CreatePipeline", &pipeline(name, "PARALLEL", 1, "true"));
    }
    let mut samples = vec![];
    for _ in 0..RUNS {
        let begun = now();
        server.start_all(&names, EACH);
        let ended = names.iter().map(|name| last_end(&server, name)).fold(0.0, f64::max);
        #[expect(clippy::cast_precision_loss, reason = "two hundred")]
        samples.push((EACH * names.len()) as f64 / (ended - begun));
    }
    figures.add("executions_per_second", "1/s", &mut samples, None);
}

/// When the last of the newest executions of `name` ended, in seconds since 1970.
fn last_end(server: &Server, name: &str) -> f64 {
    loop {
        let list = server.call("ListPipelineExecutions", &json!({"pipelineName": name, "maxResults": EACH}));
        let list = list["pipelineExecutionSummaries"].as_array().expect("executions").clone();
        let open = |execution: &Value| execution["status"] == "InProgress";
        if list.iter().any(open) {
            std::thread::sleep(std::time::Duration::from_millis(20));
            continue;
        }
        assert!(list.iter().all(|execution| execution["status"] == "Succeeded"), "{name}: all succeed");
        return list.iter().filter_map(|execution| execution["lastUpdateTime"].as_f64()).fold(0.0, f64::max);
    }
}
