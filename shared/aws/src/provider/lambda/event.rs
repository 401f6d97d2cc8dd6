//! The event that a function is called with (`CodePipeline` user guide, "Example JSON event").
//!
//! `artifactCredentials` are left out: the function reads artifacts under its own role.

use penstock_app::jobs::JobId;
use penstock_app::port::provider::Work;
use serde_json::{Value, json};

/// The event of `work` under the job `id`.
pub(super) fn job(work: &Work, id: &JobId, account: &str, continuation: Option<&str>) -> Value {
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
    if let Some(token) = continuation {
        data["continuationToken"] = json!(token);
    }
    json!({
        "CodePipeline.job": {"id": id.to_string(), "accountId": account, "data": data},
        "penstock": {"pipeline": work.pipeline, "attempt": work.attempt.to_string()},
    })
}
