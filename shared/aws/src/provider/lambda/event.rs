//! The event that a function is called with (`CodePipeline` user guide, "Example JSON event").
//!
//! `artifactCredentials` are left out: the function reads artifacts under its own role.

use penstock_app::jobs::JobId;
use penstock_app::port::provider::Work;
use penstock_model::pipeline::ArtifactStore;
use serde_json::{Value, json};

/// The event of `work`, in `region`, under the job `id`.
pub(super) fn job(work: &Work, id: &JobId, account: &str, region: &str, continuation: Option<&str>) -> Value {
    let inputs: Vec<Value> = work
        .inputs
        .iter()
        .map(|artifact| {
            json!({
                "name": artifact.name,
                "revision": null,
                "location": {
                    "type": "S3",
                    "s3Location": {"bucketName": artifact.bucket, "objectKey": artifact.key},
                },
            })
        })
        .collect();
    let mut data = json!({
        "actionConfiguration": {"configuration": work.action.configuration},
        "inputArtifacts": inputs,
        "outputArtifacts": [],
    });
    let store = work.artifact_store.as_ref().and_then(|stores| stores.in_region(region));
    if let Some(key) = store.and_then(ArtifactStore::kms_key) {
        data["encryptionKey"] = json!({"id": key, "type": "KMS"});
    }
    if let Some(token) = continuation {
        data["continuationToken"] = json!(token);
    }
    json!({
        "CodePipeline.job": {"id": id.to_string(), "accountId": account, "data": data},
        "penstock": {"pipeline": work.pipeline, "attempt": work.attempt.to_string()},
    })
}
