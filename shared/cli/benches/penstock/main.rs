//! How long orchestration takes beside the work: `cargo bench` writes `target/bench/penstock.json`.
//!
//! Every figure is measured from outside on the release binary, with durable state and a real source hand-over; the
//! floor is measured in the same run with the least that could do the same.

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

fn main() {
    // `cargo test --benches` runs this with `--test`; benchmarks are for `cargo bench` only.
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    let mut figures = Figures::default();
    idle::measure(&mut figures);
    webhook::measure(&mut figures);
    stages::measure(&mut figures);
    throughput::measure(&mut figures);
    decide::measure(&mut figures);
    figures.write(&target().join("bench/penstock.json"));
}

/// The build's target folder: the binary lies in its `release`.
fn target() -> PathBuf {
    PathBuf::from(env!("CARGO_BIN_EXE_penstock")).ancestors().nth(2).map(PathBuf::from).unwrap_or_default()
}
