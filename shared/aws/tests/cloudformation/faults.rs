//! Every call of a stack's and of a change set's action fails in every way: each does its work once, and its end is told.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use penstock_app::engine::state::External;
use penstock_app::port::provider::{Done, Work};
use penstock_aws::access::{Access, WithoutRole};
use penstock_aws::artifacts::S3Artifacts;
use penstock_aws::provider::cloudformation::CloudFormation;
use penstock_model::artifact::Artifact;
use penstock_testkit::build::ActionBuilder;

use super::connector::{FAULTS, Faults, every_call, every_fault};
use super::performed::performed;
use super::stage::{Stage, perform, work};
use super::{TEMPLATE, beginnings, client, deploys, provider, succeeded};

/// How long a stack may take to settle.
const PATIENCE: Duration = Duration::from_secs(60);

/// The surroundings of all faults of a test.
struct Scene {
    stage: Stage,
    sound: CloudFormation,
    app: Artifact,
    of: &'static str,
}

/// What one fault strikes: a stack of its own, and the provider whose calls fail.
struct Case<'a> {
    said: String,
    number: u32,
    stack: String,
    faults: &'a Faults,
    provider: &'a CloudFormation,
}

impl Scene {
    async fn new(of: &'static str) -> Self {
        let stage = Stage::new().await;
        let app = stage.artifact(of, "App", &[("template.yml", TEMPLATE)]).await;
        Self { sound: provider(&stage), stage, app, of }
    }

    fn faulty(&self) -> (Faults, CloudFormation) {
        let faults = Faults::over(self.stage.config.endpoint_url().unwrap());
        let sdk = faults.sdk();
        let artifacts = Arc::new(S3Artifacts::new(&sdk, "artifacts"));
        (faults, CloudFormation::new(Access::new(sdk, None, None), artifacts, WithoutRole::Refused))
    }

    fn case<'a>(
        &self,
        said: String,
        numbers: &AtomicU32,
        (faults, provider): &'a (Faults, CloudFormation),
    ) -> Case<'a> {
        let number = 1 + numbers.fetch_add(1, Ordering::Relaxed);
        Case { said, number, stack: format!("{}-{number}", self.of), faults, provider }
    }

    /// The faults beside one another: most of their time passes waiting for change sets.
    async fn faults_at_once(&self, run: impl AsyncFn(Case<'_>)) {
        let (numbers, run) = (&AtomicU32::new(0), &run);
        let faults = FAULTS.map(|fault| async move {
            let faulty = self.faulty();
            every_call(&faulty.0, fault, async |said| run(self.case(said, numbers, &faulty)).await).await;
        });
        join_all(faults).await;
    }

    /// The faults one after the other.
    async fn every_fault(&self, run: impl AsyncFn(Case<'_>)) {
        let (numbers, faulty) = (AtomicU32::new(0), self.faulty());
        every_fault(&faulty.0, async |said| run(self.case(said, &numbers, &faulty)).await).await;
    }

    /// The case's attempt at `action`; those of earlier actions on the same stack have other numbers.
    fn work(&self, case: &Case<'_>, number: u32, action: ActionBuilder) -> Work {
        work(self.of, case.number * 10 + number, action.build(), vec![self.app.clone()])
    }

    /// What was done before, by calls that do not fail.
    async fn before(&self, work: &Work) -> Done {
        succeeded(perform(&self.sound, work).await)
    }

    async fn performed(&self, case: &Case<'_>, work: &Work) -> Done {
        let settled = async |external: &External| self.settled(&external.id).await;
        succeeded(performed(case.faults, case.provider, work, settled).await)
    }

    /// Waits until nothing is under way on the stack, or it is gone.
    async fn settled(&self, stack: &str) {
        let (client, deadline) = (client(&self.stage), Instant::now() + PATIENCE);
        while let Ok(found) = client.describe_stacks().stack_name(stack).send().await {
            let status = found.stacks()[0].stack_status().unwrap().as_str();
            if !status.ends_with("_IN_PROGRESS") || status == "REVIEW_IN_PROGRESS" {
                return;
            }
            assert!(Instant::now() < deadline, "{stack} stays in {status}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

fn set(mode: &str, case: &Case<'_>) -> ActionBuilder {
    deploys(mode, &case.stack).set("ChangeSetName", "next")
}

#[tokio::test]
async fn a_stack_is_created_once_whatever_fails() {
    let scene = Scene::new("faults").await;
    scene
        .every_fault(async |case| {
            let work = scene.work(&case, 1, deploys("CREATE_UPDATE", &case.stack));
            let done = scene.performed(&case, &work).await;
            assert_eq!(done.variables["Chosen"], "one", "{}", case.said);
            let begun = beginnings(&scene.stage, &case.stack, "CREATE_IN_PROGRESS").await;
            assert_eq!(begun, [work.attempt.token()], "{}", case.said);
            assert!(beginnings(&scene.stage, &case.stack, "UPDATE_IN_PROGRESS").await.is_empty());
        })
        .await;
}

#[tokio::test]
async fn a_stack_is_deleted_once_whatever_fails() {
    let scene = Scene::new("faults-delete").await;
    scene
        .every_fault(async |case| {
            let create = scene.work(&case, 1, deploys("CREATE_UPDATE", &case.stack));
            let stack = scene.before(&create).await.external.unwrap().id;
            let delete = scene.work(&case, 2, deploys("DELETE_ONLY", &case.stack));
            scene.performed(&case, &delete).await;
            let gone = client(&scene.stage).describe_stacks().stack_name(&case.stack).send().await;
            assert!(gone.is_err(), "{}: {gone:?}", case.said);
            let begun = beginnings(&scene.stage, &stack, "DELETE_IN_PROGRESS").await;
            assert_eq!(begun, [delete.attempt.token()], "{}", case.said);
        })
        .await;
}

#[tokio::test]
async fn a_change_set_takes_the_place_of_anothers_whatever_fails() {
    let scene = Scene::new("faults-set").await;
    scene
        .faults_at_once(async |case| {
            let others = scene.work(&case, 1, set("CHANGE_SET_REPLACE", &case));
            let others = scene.before(&others).await.external.unwrap().id;
            let ours = scene.work(&case, 2, set("CHANGE_SET_REPLACE", &case));
            let done = scene.performed(&case, &ours).await;
            assert_eq!(done.summary.as_deref(), Some("change set next: made"), "{}", case.said);
            let id = done.external.unwrap().id;
            assert_ne!(id, others, "{}", case.said);
            let sets = client(&scene.stage).list_change_sets().stack_name(&case.stack).send().await.unwrap();
            let [left] = sets.summaries() else { panic!("{}: {sets:?}", case.said) };
            assert_eq!(left.change_set_id(), Some(id.as_str()), "{}", case.said);
            assert!(left.description().unwrap().contains(&ours.attempt.token()), "{}", case.said);
        })
        .await;
}

#[tokio::test]
async fn a_change_set_is_executed_once_whatever_fails() {
    let scene = Scene::new("faults-execute").await;
    scene
        .faults_at_once(async |case| {
            scene.before(&scene.work(&case, 1, set("CHANGE_SET_REPLACE", &case))).await;
            let execute = scene.work(&case, 2, set("CHANGE_SET_EXECUTE", &case));
            let done = scene.performed(&case, &execute).await;
            assert_eq!(done.variables["Chosen"], "one", "{}", case.said);
            let begun = beginnings(&scene.stage, &case.stack, "CREATE_IN_PROGRESS").await;
            assert_eq!(begun, [execute.attempt.token()], "{}", case.said);
        })
        .await;
}
