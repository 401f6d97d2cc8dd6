//! Every call of a stack's action fails in every way: the stack is created once and its end is told.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use penstock_app::engine::state::External;
use penstock_aws::access::{Access, WithoutRole};
use penstock_aws::artifacts::S3Artifacts;
use penstock_aws::provider::cloudformation::CloudFormation;

use super::connector::{Faults, every_fault};
use super::performed::performed;
use super::stage::{Stage, work};
use super::{TEMPLATE, beginnings, client, deploys, succeeded};

#[tokio::test]
async fn a_stack_is_created_once_whatever_fails() {
    let stage = Stage::new().await;
    let faults = Faults::over(stage.config.endpoint_url().unwrap());
    let sdk = faults.sdk();
    let artifacts = Arc::new(S3Artifacts::new(&sdk, "artifacts"));
    let provider = CloudFormation::new(Access::new(sdk, None, None), artifacts, WithoutRole::Refused);
    let app = stage.artifact("faults", "App", &[("template.yml", TEMPLATE)]).await;
    let sound = client(&stage);
    let settled = async |external: &External| loop {
        let stacks = sound.describe_stacks().stack_name(&external.id).send().await.unwrap();
        let status = stacks.stacks()[0].stack_status().unwrap().as_str().to_owned();
        if !status.ends_with("_IN_PROGRESS") {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    let number = AtomicU32::new(0);
    every_fault(&faults, async |case| {
        // The connector hands on half an answer as if it were whole, and XML is read as far as it goes: an id that was cut is
        // taken for one. On the wire the answer's length would tell, as it does where it is lost.
        if case.starts_with("BrokenOff") {
            return;
        }
        let number = 1 + number.fetch_add(1, Ordering::Relaxed);
        let stack = format!("faults-{number}");
        let work = work("faults", number, deploys("CREATE_UPDATE", &stack).build(), vec![app.clone()]);
        let done = succeeded(performed(&faults, &provider, &work, settled).await);
        assert_eq!(done.variables["Chosen"], "one", "{case}");
        let begun = beginnings(&stage, &stack, "CREATE_IN_PROGRESS").await;
        assert_eq!(begun, [work.attempt.token()], "{case}");
        assert!(beginnings(&stage, &stack, "UPDATE_IN_PROGRESS").await.is_empty(), "{case}");
    })
    .await;
}
