//! Scripted scenarios, architecture, corpora, and the stand-ins that tests of the deployed stack need.

pub mod code_build_stand_in;
pub mod code_deploy_stand_in;
pub mod ecs_stand_in;
pub mod git_hub_stand_in;
pub mod json_service;
pub mod program;
pub mod service_model;
