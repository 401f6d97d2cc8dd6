//! S3 actions against an emulator: deploying into a bucket, and a bucket as a source.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../connector/mod.rs"]
mod connector;
mod deploy;
mod faults;
#[path = "../performed/mod.rs"]
mod performed;
#[path = "../recorder/mod.rs"]
mod recorder;
mod source;
#[path = "../cloudformation/stage.rs"]
mod stage;

use penstock_app::port::provider::{Done, Ending};

fn succeeded(ending: Ending) -> Done {
    let Ending::Succeeded(done) = ending else { panic!("{ending:?}") };
    *done
}

/// The code and message of a failure.
fn failed(ending: Ending) -> (String, String) {
    let Ending::Failed { error, .. } = ending else { panic!("{ending:?}") };
    (error.code.into(), error.message)
}
