//! Input artifacts of another region, with every fault at every call.

use std::sync::Arc;

use aws_sdk_s3::types::{BucketLocationConstraint, CreateBucketConfiguration};
use penstock_app::engine::state::TriggerCause;
use penstock_app::port::artifacts::Artifacts;
use penstock_app::port::provider::{Begun, Done, Ending, Provider, Work};
use penstock_aws::access::{Access, WithoutRole};
use penstock_aws::artifacts::{S3Artifacts, SourceArtifacts};
use penstock_aws::provider::handover::Handover;
use penstock_model::artifact::Artifact;
use penstock_model::id::{AttemptId, DefinitionVersion};
use penstock_model::pipeline::ArtifactStore;
use penstock_model::stores::Stores;
use penstock_model::time::Timestamp;
use penstock_testkit::build::build;
use penstock_testkit::fake::{Conduct, FakeProvider};

use crate::artifacts::{Bench, fresh_attempt, output, pipeline};
use crate::connector::{Faults, every_fault};
use crate::{faults, fresh};

const AWAY: &str = "eu-west-1";

/// The store of `faults`' calls in a bucket of another region.
async fn bucket_away(faults: &Faults) -> String {
    let (sdk, bucket) = (faults.sdk().acting_as(None, Some(AWAY)), fresh("away"));
    let config = aws_sdk_s3::config::Builder::from(sdk.config()).force_path_style(true).build();
    let place = BucketLocationConstraint::from(AWAY);
    let place = CreateBucketConfiguration::builder().location_constraint(place).build();
    let s3 = aws_sdk_s3::Client::from_conf(config);
    s3.create_bucket().bucket(&bucket).create_bucket_configuration(place).send().await.unwrap();
    bucket
}

fn store(bucket: &str) -> ArtifactStore {
    ArtifactStore { kind: "S3".into(), location: bucket.to_owned(), encryption_key: None }
}

fn work(attempt: AttemptId, stores: Stores, inputs: Vec<Artifact>) -> Work {
    let mut action = build("Compile").consumes("Out").build();
    action.region = Some(AWAY.to_owned());
    Work {
        attempt,
        pipeline: pipeline(),
        definition: DefinitionVersion(1),
        action,
        role_arn: None,
        artifact_store: Some(stores),
        inputs,
        revision_override: None,
        revisions: Default::default(),
        sources: vec![],
        trigger: TriggerCause {
            kind: String::new().into(),
            detail: String::new(),
            delivery: None,
            reference: None,
        },
        deadline: Timestamp(0),
    }
}

/// Hands on what it is given.
fn passing() -> Arc<dyn Provider> {
    Arc::new(FakeProvider::new(|work| {
        Conduct::Ends(Ending::Succeeded(Box::new(Done { artifacts: work.inputs.clone(), ..Done::default() })))
    }))
}

#[tokio::test]
async fn whatever_fails_the_copy_is_what_was_recorded() {
    let (faults, clean) = (faults(), Bench::new(&faults()).await);
    let away = bucket_away(&crate::faults()).await;
    let stores = Stores::Regional(
        [("us-east-1".to_owned(), store(&clean.bucket.name)), (AWAY.to_owned(), store(&away))].into(),
    );
    let reader = S3Artifacts::new(&crate::faults().sdk().acting_as(None, Some(AWAY)), &away);
    every_fault(&faults, async |case| {
        let attempt = fresh_attempt();
        let put = clean
            .artifacts
            .put(&pipeline(), &attempt, &output(), &clean.file(case.as_bytes()))
            .await
            .unwrap();
        let sdk = faults.sdk();
        let own = S3Artifacts::new(&sdk, &clean.bucket.name);
        let handover = Handover::new(passing(), Access::new(sdk, None, None), own, WithoutRole::DefaultRole);
        let work = work(attempt, stores.clone(), vec![put.clone()]);
        let begun = faults.until_done(async || handover.start(&work, false).await).await;
        let Begun::Ended(Ending::Succeeded(done)) = begun else { panic!("{case}: {begun:?}") };
        let [copy] = done.artifacts.as_slice() else { panic!("{case}: {done:?}") };
        let here = (copy.bucket.as_str(), copy.key.as_str(), copy.sha256.as_str());
        assert_eq!(here, (away.as_str(), put.key.as_str(), put.sha256.as_str()), "{case}");
        let file = clean.missing();
        reader.fetch(copy, &file).await.unwrap();
        assert_eq!(std::fs::read(file).unwrap(), case.as_bytes(), "{case}");
    })
    .await;
}

#[tokio::test]
async fn a_source_goes_to_its_pipelines_store() {
    let clean = Bench::new(&faults()).await;
    let (sdk, team) = (faults().sdk(), bucket_away(&faults()).await);
    let own = S3Artifacts::new(&sdk, &clean.bucket.name);
    let sources = SourceArtifacts::new(own, Access::new(sdk, None, None));
    let file = clean.file(b"of a source");
    let regional = Stores::Regional([(AWAY.to_owned(), store(&team))].into());
    let put = sources.hand_on(&work(fresh_attempt(), regional, vec![]), &output(), &file).await.unwrap();
    assert_eq!(put.bucket, team);
    let one = Stores::One(store(&clean.bucket.name));
    let put = sources.hand_on(&work(fresh_attempt(), one, vec![]), &output(), &file).await.unwrap();
    assert_eq!(
        (put.bucket.as_str(), clean.fetched(&put).await),
        (clean.bucket.name.as_str(), b"of a source".to_vec())
    );
}
