//! Every call of a deployment fails in every way: one deployment each, and its end is told.

use std::sync::atomic::{AtomicUsize, Ordering};

use penstock_app::engine::state::External;
use penstock_app::port::provider::Provider;
use penstock_aws::access::{Access, WithoutRole};
use penstock_aws::provider::codedeploy::{CodeDeploy, CodeDeployToEcs};
use penstock_aws::provider::ecs::Ecs;
use penstock_aws::sdk::Sdk;
use penstock_model::pipeline::Action;

use super::connector::{Faults, every_fault};
use super::performed::performed;
use super::providers::{self, succeeded};
use super::stage::{APPSPEC, EMULATOR, Stage, artifacts, to_servers, to_service};
use super::{ecs, to_ecs};

/// Whose calls fail.
fn faulty(stage: &Stage) -> (Faults, Sdk) {
    let faults = Faults::over(&EMULATOR.url());
    let endpoints = [("codedeploy", stage.code_deploy.service.url()), ("ecs", stage.ecs.service.url())];
    let sdk = providers::with_endpoints(&faults.sdk(), &endpoints);
    (faults, sdk)
}

/// Performs `action` anew for every fault; `check` gets the number of the case, counted from 1.
async fn once(
    stage: &Stage,
    faults: &Faults,
    provider: &dyn Provider,
    (action, files): (Action, &[(&str, &str)]),
    advance: impl Fn(&External),
    check: impl Fn(usize, &External, &str),
) {
    let count = AtomicUsize::new(0);
    every_fault(faults, async |case| {
        let number = 1 + count.fetch_add(1, Ordering::Relaxed);
        let work = stage.work(action.clone(), files).await;
        let ending = performed(faults, provider, &work, async |external| advance(external)).await;
        check(number, &succeeded(ending).external.unwrap(), &case);
    })
    .await;
}

#[tokio::test]
async fn codedeploy_deploys_once_whatever_fails() {
    let stage = Stage::new();
    let (faults, sdk) = faulty(&stage);
    let access = Access::new(sdk.clone(), None, None);
    let provider = CodeDeploy::new(access, artifacts(&sdk), WithoutRole::Refused);
    let wanted = (to_servers().build(), &[("appspec.yml", APPSPEC)][..]);
    let advance = |external: &External| stage.code_deploy.succeed(&external.id);
    once(&stage, &faults, &provider, wanted, advance, |number, _, case| {
        assert_eq!(stage.code_deploy.deployments().len(), number, "{case}");
    })
    .await;
}

#[tokio::test]
async fn codedeploy_shifts_the_traffic_of_a_service_once_whatever_fails() {
    let stage = Stage::new();
    let (faults, sdk) = faulty(&stage);
    let access = Access::new(sdk.clone(), None, None);
    let provider = CodeDeployToEcs::new(access, artifacts(&sdk), WithoutRole::Refused);
    let wanted = (to_ecs::blue_green().build(), to_ecs::APP);
    let advance = |external: &External| stage.code_deploy.succeed(&external.id);
    once(&stage, &faults, &provider, wanted, advance, |number, _, case| {
        assert_eq!(stage.code_deploy.deployments().len(), number, "{case}");
    })
    .await;
}

#[tokio::test]
async fn a_service_moves_once_whatever_fails() {
    let stage = Stage::new();
    let (faults, sdk) = faulty(&stage);
    let access = Access::new(sdk.clone(), None, None);
    let provider = Ecs::new(access, artifacts(&sdk), stage.clock.clone(), WithoutRole::Refused);
    let wanted = (to_service().build(), ecs::APP);
    once(
        &stage,
        &faults,
        &provider,
        wanted,
        |_| stage.ecs.complete(),
        |number, external, case| {
            // The one that the service began with is the first.
            assert_eq!(external.id, format!("ecs-svc/{}", number + 1), "{case}");
        },
    )
    .await;
}
