//! (d) Start time and resident memory of an idle server.

use std::time::Duration;

use crate::figures::Figures;
use crate::server::Server;

/// Starts ten servers; memory is read a second after the last one started.
pub(crate) fn measure(figures: &mut Figures) {
    let mut starts = vec![];
    let mut memory = vec![];
    for _ in 0..10 {
        let server = Server::start();
        starts.push(server.start.as_secs_f64() * 1000.0);
        std::thread::sleep(Duration::from_millis(1000));
        memory.push(server.resident_megabytes());
    }
    figures.add("start", "ms", &mut starts, None);
    figures.add("idle_memory", "MB", &mut memory, None);
}
