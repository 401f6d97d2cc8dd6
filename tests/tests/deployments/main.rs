//! CodeDeploy and ECS deployments: against stand-ins held to the services' models, where they succeed, fail, are stopped
//! and lose answers, and against emulators that others wrote.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod code_deploy;
mod code_deploy_refusals;
#[path = "../../../shared/aws/tests/connector/mod.rs"]
mod connector;
mod ecs;
mod ecs_refusals;
mod emulators;
mod faults;
#[path = "../../../shared/aws/tests/performed/mod.rs"]
mod performed;
#[path = "../providers/mod.rs"]
mod providers;
mod regions;
mod roles;
mod stage;
mod to_ecs;
