//! How long orchestration takes beside the work: `cargo bench` writes `target/bench/penstock.json`.
//!
//! Every figure is measured from outside on the release binary, with durable state and a real source hand-over; the
//! floor is measured in the same run with the least that could do the same. `cargo bench -- webhook stages` measures these
//! only, and writes no file.

mod decide;
mod figures;
mod floor;
mod idle;
mod server;
mod stages;
mod throughput;
mod webhook;

use std::path::PathBuf;

use figures::Figures;

/// Measures and adds its figures.
type Measure = fn(&mut Figures);

/// What is measured, in this order.
const MEASURES: [(&str, Measure); 5] = [
    ("idle", idle::measure),
    ("webhook", webhook::measure),
    ("stages", stages::measure),
    ("throughput", throughput::measure),
    ("decide", decide::measure),
];

fn main() {
    // `cargo test --benches` runs this with `--test`; benchmarks are for `cargo bench` only.
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    let chosen: Vec<String> =
        std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    let mut figures = Figures::default();
    for (name, measure) in MEASURES {
        if chosen.is_empty() || chosen.iter().any(|chosen| chosen == name) {
            measure(&mut figures);
        }
    }
    if chosen.is_empty() {
        figures.write(&target().join("bench/penstock.json"));
    }
}

/// The build's target folder: the binary lies in its `release`.
fn target() -> PathBuf {
    PathBuf::from(env!("CARGO_BIN_EXE_penstock")).ancestors().nth(2).map(PathBuf::from).unwrap_or_default()
}
