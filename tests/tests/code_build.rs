//! Builds that really run: the stand-in for `CodeBuild` over our buildspec runner, with `MiniStack` for S3 and Logs.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "code_build/batches.rs"]
mod batches;
#[path = "code_build/builds.rs"]
mod builds;
#[path = "code_build/commands.rs"]
mod commands;
#[path = "../../shared/aws/tests/connector/mod.rs"]
mod connector;
#[path = "code_build/faults.rs"]
mod faults;
#[path = "../../shared/aws/tests/performed/mod.rs"]
mod performed;
#[path = "code_build/place.rs"]
mod place;
#[path = "providers/mod.rs"]
mod providers;
#[path = "code_build/refusals.rs"]
mod refusals;
#[path = "code_build/regions.rs"]
mod regions;
#[path = "code_build/repetition.rs"]
mod repetition;
#[path = "code_build/requests.rs"]
mod requests;
#[path = "code_build/stage.rs"]
mod stage;
#[path = "code_build/stand_in.rs"]
mod stand_in;
