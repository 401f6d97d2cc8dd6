//! The role that CodeBuild itself works under: it fetches a build's sources and stores its artifacts, not the action.
//!
//! A project that was made for `CodePipeline` has one that may use `CodePipeline`'s own buckets only.

use std::collections::BTreeMap;

use penstock_aws::sdk::Sdk;
use penstock_aws::trust::Roles;
use penstock_model::pipeline::Action;
use serde_json::json;

use super::keys;
use super::needs::{Need, Where, known};
use super::role::{self, Lack};
use crate::aws::ask::{self, Service};

const CODEBUILD: Service = Service { signing: "codebuild", host: "codebuild", id: "CODEBUILD" };
/// The setting that names a role in place of the project's.
const OVERRIDE: &str = "ServiceRoleArnOverride";

/// What the role of the build that `action` starts lacks, with the configuration key that names the role or its project.
/// Only in the account that these credentials are of.
pub(super) async fn lacks(
    sdk: &Sdk,
    roles: &Roles,
    action: &Action,
    place: &Where,
) -> anyhow::Result<Vec<(&'static str, Lack)>> {
    if action.action_type_id.provider != "CodeBuild" {
        return Ok(vec![]);
    }
    let Some((key, arn)) = role_of(sdk, action, place).await? else {
        return Ok(vec![]);
    };
    // Another account's role cannot be asked about, nor one that is no role.
    if arn.split(':').nth(4) != Some(place.account.as_str()) {
        return Ok(vec![]);
    }
    let mut found = vec![];
    for need in of_build(action, place) {
        for lack in role::lacking(roles, &arn, &need).await? {
            found.push((key, with_policy(lack, &arn, action, place)));
        }
    }
    Ok(found)
}

/// What the build's role needs of the artifacts in `place`, and of the key that encrypts them.
fn of_build(action: &Action, place: &Where) -> Vec<Need> {
    let objects = place.artifacts(&place.artifact_bucket);
    let writes = !action.output_artifacts.is_empty();
    let read = Need::new(&["s3:GetObject", "s3:GetObjectVersion"], &objects);
    let written = writes.then(|| Need::new(&["s3:PutObject"], objects));
    let keys = keys::needs(place.artifact_key.as_deref(), true, writes);
    std::iter::once(read).chain(written).chain(keys).collect()
}

/// The role's ARN, where it is known before an execution.
async fn role_of(
    sdk: &Sdk,
    action: &Action,
    place: &Where,
) -> anyhow::Result<Option<(&'static str, String)>> {
    if action.configuration.contains_key(OVERRIDE) {
        let arn = known(action, OVERRIDE);
        return Ok((arn != "*").then(|| (OVERRIDE, arn.to_owned())));
    }
    let project = known(action, "ProjectName");
    if project == "*" {
        return Ok(None);
    }
    let target = ("1.1", "CodeBuild_20161006.BatchGetProjects");
    let answer = ask::json(sdk, CODEBUILD, &place.region, target, &json!({ "names": [project] })).await?;
    // Whether the project is there and may be looked at is said where its presence is looked for.
    let role = answer.body["projects"][0]["serviceRole"].as_str();
    Ok(role.map(|arn| ("ProjectName", arn.to_owned())))
}

/// A lack, said as one of the build's role, with the policy that mends it.
fn with_policy(lack: Lack, arn: &str, action: &Action, place: &Where) -> Lack {
    let say = |message: String| {
        let name = arn.rsplit('/').next().unwrap_or(arn);
        let policy = policy(action, place);
        format!(
            "the build fetches and stores artifacts under its project's role: {message}: aws iam put-role-policy --role-name {name} --policy-name penstock-artifacts --policy-document '{policy}'"
        )
    };
    match lack {
        Lack::Denied(message) => Lack::Denied(say(message)),
        Lack::Useful(message) => Lack::Useful(say(message)),
        Lack::Unknown(message) => Lack::Unknown(message),
    }
}

fn policy(action: &Action, place: &Where) -> String {
    let mut calls: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for need in of_build(action, place) {
        calls.entry(need.resource).or_default().extend(need.actions);
    }
    let statement = |(resource, calls)| json!({ "Effect": "Allow", "Action": calls, "Resource": resource });
    let statements: Vec<_> = calls.into_iter().map(statement).collect();
    json!({ "Version": "2012-10-17", "Statement": statements }).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(key: Option<&str>) -> Where {
        Where {
            partition: "aws".into(),
            region: "eu-west-1".into(),
            account: "111122223333".into(),
            artifact_bucket: "bucket".into(),
            own_store: key.is_some(),
            artifact_key: key.map(str::to_owned),
            far_buckets: vec![],
            commands_project: "penstock-commands".into(),
        }
    }

    #[test]
    fn a_build_without_artifacts_of_its_own_only_reads() {
        let test = |outputs: serde_json::Value| -> Action {
            serde_json::from_value(json!({
                "name": "Unit", "actionTypeId": { "category": "Test", "owner": "AWS", "provider": "CodeBuild", "version": "1" },
                "configuration": { "ProjectName": "web" }, "inputArtifacts": [{ "name": "Source" }], "outputArtifacts": outputs
            }))
            .unwrap()
        };
        let key = "arn:aws:kms:eu-west-1:111122223333:key/1";
        let plain = place(None);
        assert!(!policy(&test(json!([])), &plain).contains("s3:PutObject"));
        assert!(policy(&test(json!([{ "name": "Report" }])), &plain).contains("s3:PutObject"));
        assert!(!policy(&test(json!([])), &plain).contains("kms:"));
        let encrypted = place(Some(key));
        let reads = json!({ "Effect": "Allow", "Action": ["kms:Decrypt"], "Resource": key }).to_string();
        assert!(policy(&test(json!([])), &encrypted).contains(&reads));
        assert!(policy(&test(json!([{ "name": "Report" }])), &encrypted).contains("kms:GenerateDataKey"));
    }
}
