//! A deployment of an action with a `region` is asked for there.

use penstock_app::port::provider::Provider;
use penstock_tests::json_service::JsonService;

use super::stage::{APPSPEC, Stage, to_servers, to_service};
use super::{ecs, providers, to_ecs};

const AWAY: &str = "eu-west-1";

/// All requests at `service` were signed for there.
fn assert_away(service: &JsonService) {
    let regions: Vec<_> = service.requests().into_iter().map(|it| (it.operation, it.region)).collect();
    assert!(!regions.is_empty() && regions.iter().all(|it| it.1.as_deref() == Some(AWAY)), "{regions:?}");
}

async fn begin(
    stage: &Stage,
    provider: &dyn Provider,
    mut action: penstock_model::pipeline::Action,
    files: &[(&str, &str)],
) {
    action.region = Some(AWAY.to_owned());
    let work = stage.work(action, files).await;
    let external = providers::running(provider, &work, false).await;
    assert!(external.url.unwrap().contains(AWAY));
}

#[tokio::test]
async fn codedeploy_is_asked_there() {
    let stage = Stage::new();
    begin(&stage, &stage.code_deploy(), to_servers().build(), &[("appspec.yml", APPSPEC)]).await;
    assert_away(&stage.code_deploy.service);
}

#[tokio::test]
async fn ecs_is_asked_there() {
    let stage = Stage::new();
    begin(&stage, &stage.ecs(), to_service().build(), ecs::APP).await;
    assert_away(&stage.ecs.service);
}

#[tokio::test]
async fn codedeploy_and_ecs_are_asked_there() {
    let stage = Stage::new();
    begin(&stage, &stage.to_ecs(), to_ecs::blue_green().build(), to_ecs::APP).await;
    assert_away(&stage.code_deploy.service);
    assert_away(&stage.ecs.service);
}
