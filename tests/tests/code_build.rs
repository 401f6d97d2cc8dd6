//! Builds that really run: the stand-in for `CodeBuild` over our buildspec runner, with `MiniStack` for S3 and Logs.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "code_build/place.rs"]
mod place;
#[path = "code_build/provider.rs"]
mod provider;
#[path = "code_build/stand_in.rs"]
mod stand_in;
