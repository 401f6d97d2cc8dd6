//! (a) Signed webhook posted → first command of the first build running, on an idle server.

use crate::figures::{Figures, median};
use crate::floor;
use crate::server::{Server, commit, pipeline};

const RUNS: usize = 60;

/// Posts a push of a new commit again and again; the build's first command writes the time into a file.
pub(crate) fn measure(figures: &mut Figures) {
    let server = Server::start();
    let stamp = server.folder.path().join(".git/stamp");
    server.call(
        "CreatePipeline",
        &pipeline("measured", "QUEUED", 1, &format!("date +%s.%N > {}", stamp.display())),
    );
    let (mut samples, mut floors) = (vec![], vec![]);
    for run in 0..RUNS + 5 {
        std::fs::write(server.folder.path().join("change.txt"), run.to_string()).expect("a file");
        commit(server.folder.path(), "change");
        let sent = server.push(&format!("delivery-{run}"));
        server.wait("measured", |view| {
            view["status"] == "Succeeded"
                && view["startedAt"].as_f64().is_some_and(|at| at / 1000.0 >= sent - 0.002)
        });
        let begun: f64 = std::fs::read_to_string(&stamp).expect("the stamp").trim().parse().expect("a time");
        let floor = floor::webhook_to_shell();
        if run >= 5 {
            samples.push((begun - sent) * 1000.0);
            floors.push(floor);
        }
    }
    figures.add("webhook_to_first_command", "ms", &mut samples, Some(median(floors)));
}
