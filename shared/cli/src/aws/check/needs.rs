//! Which calls the provider of an action makes, and on what: the rights that its role needs.
//!
//! `CodePipeline` user guide, "Action structure reference" (the service role's policy of each action), as far as the
//! providers here make the calls.

use penstock_model::artifact::PREFIX;
use penstock_model::pipeline::{Action, Category};

use super::keys;

/// Where an action is performed.
#[derive(Debug, Clone)]
pub(super) struct Where {
    pub(super) partition: String,
    pub(super) region: String,
    pub(super) account: String,
    pub(super) artifact_bucket: String,
    /// Whether that is a store of the pipeline's own.
    pub(super) own_store: bool,
    /// The KMS key that its artifacts are encrypted with.
    pub(super) artifact_key: Option<String>,
    /// Buckets in other regions from which its input artifacts are copied, with the keys that encrypt them there.
    pub(super) far_buckets: Vec<(String, Option<String>)>,
    pub(super) commands_project: String,
}

impl Where {
    fn arn(&self, service: &str, rest: &str) -> String {
        let Self { partition, region, account, .. } = self;
        format!("arn:{partition}:{service}:{region}:{account}:{rest}")
    }

    fn objects(&self, bucket: &str) -> String {
        format!("arn:{}:s3:::{bucket}/*", self.partition)
    }

    /// The artifacts in a bucket.
    pub(super) fn artifacts(&self, bucket: &str) -> String {
        self.objects(&format!("{bucket}/{}", PREFIX.trim_end_matches('/')))
    }
}

/// Calls on one resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Need {
    /// Such as `codebuild:StartBuild`.
    pub(super) actions: Vec<&'static str>,
    /// An ARN, or `*`.
    pub(super) resource: String,
    /// What the request says besides, for conditions of policies.
    pub(super) context: Vec<(&'static str, String)>,
    /// What is lost without it, where the action works nevertheless.
    pub(super) without: Option<&'static str>,
}

impl Need {
    pub(super) fn new(actions: &[&'static str], resource: impl Into<String>) -> Self {
        Self { actions: actions.to_vec(), resource: resource.into(), context: vec![], without: None }
    }

    /// A right without which the action works, except that `lost`.
    pub(super) fn useful(actions: &[&'static str], resource: impl Into<String>, lost: &'static str) -> Self {
        Self { without: Some(lost), ..Self::new(actions, resource) }
    }

    /// The right to hand `role`, an ARN or `*`, to `service`.
    pub(super) fn pass(role: &str, service: &str) -> Self {
        let context = vec![("iam:PassedToService", service.to_owned())];
        Self { context, ..Self::new(&["iam:PassRole"], role) }
    }
}

/// What is lost where the role may not read a provider's log or events.
const REASON: &str = "the provider's reason of a failure is not told";
/// What is lost where the role may not look for a hook's or a validation's refusal.
const HOOK: &str = "which resource a hook or a validation refused is not told";
/// What is lost where the role may not end what it began.
const STOP: &str = "stopping the execution leaves the work to end by itself";

/// What of a configuration is known before an execution; what refers to variables is any.
pub(super) fn known<'a>(action: &'a Action, key: &str) -> &'a str {
    let value = action.configuration.get(key).map_or("*", String::as_str);
    if value.is_empty() || value.contains("#{") { "*" } else { value }
}

/// The rights that the role of `action` needs.
pub(super) fn needs(action: &Action, place: &Where) -> Vec<Need> {
    let kind = &action.action_type_id;
    let mut needs = match (kind.provider.as_str(), kind.category) {
        ("CodeBuild", _) => builds(place, known(action, "ProjectName"), action),
        ("Commands", _) => builds(place, &place.commands_project, action),
        ("CloudFormation", _) => stacks(place, action),
        ("CodeDeploy", _) => deployments(place, action),
        ("CodeDeployToECS", _) => [deployments(place, action), definitions()].concat(),
        ("ECS", _) => services(place, action),
        // What is fetched is stored with the function's own rights, except into a store of the pipeline's.
        ("S3", Category::Source) => {
            let objects = place.objects(known(action, "S3Bucket"));
            let read = Need::new(&["s3:GetObject", "s3:GetObjectVersion"], objects);
            let stored = if place.own_store { artifacts(place, action) } else { vec![] };
            return [vec![read], stored].concat();
        }
        ("S3", _) => uploads(place, action),
        ("Lambda", Category::Invoke) => {
            let function = place.arn("lambda", &format!("function:{}", known(action, "FunctionName")));
            let mut needs = vec![Need::new(&["lambda:InvokeFunction"], function)];
            // What the function has put is read for its digest; who has inputs reads anyhow.
            if !action.output_artifacts.is_empty() && action.input_artifacts.is_empty() {
                needs.push(Need::new(&["s3:GetObject"], place.artifacts(&place.artifact_bucket)));
                needs.extend(keys::needs(place.artifact_key.as_deref(), true, false));
            }
            needs
        }
        _ if place.own_store && action.action_type_id.is_github_source() => vec![],
        _ => return vec![],
    };
    needs.extend(artifacts(place, action));
    needs
}

/// What reading and writing artifacts takes, and copying those of other regions.
fn artifacts(place: &Where, action: &Action) -> Vec<Need> {
    let objects = place.artifacts(&place.artifact_bucket);
    let mut needs = vec![];
    let reads = !action.input_artifacts.is_empty();
    if reads {
        needs.push(Need::new(&["s3:GetObject", "s3:GetObjectVersion"], &objects));
    }
    for (bucket, key) in &place.far_buckets {
        needs.push(Need::new(&["s3:GetObject", "s3:GetObjectVersion"], place.artifacts(bucket)));
        needs.extend(keys::needs(key.as_deref(), true, false));
    }
    let writes = !action.output_artifacts.is_empty() || !place.far_buckets.is_empty();
    if writes {
        needs.push(Need::new(&["s3:PutObject"], objects));
    }
    needs.extend(keys::needs(place.artifact_key.as_deref(), reads, writes));
    needs
}

fn builds(place: &Where, project: &str, action: &Action) -> Vec<Need> {
    let batch =
        action.configuration.get("BatchEnabled").is_some_and(|value| value.eq_ignore_ascii_case("true"));
    let actions: &[&str] = if batch {
        &[
            "codebuild:StartBuildBatch",
            "codebuild:BatchGetBuildBatches",
            // The builds of a batch tell why one failed and what they exported.
            "codebuild:BatchGetBuilds",
            "codebuild:StopBuildBatch",
            "codebuild:ListBuildBatchesForProject",
        ]
    } else {
        &[
            "codebuild:StartBuild",
            "codebuild:BatchGetBuilds",
            "codebuild:StopBuild",
            "codebuild:ListBuildsForProject",
        ]
    };
    let logs = place.arn("logs", &format!("log-group:/aws/codebuild/{project}:*"));
    let mut needs = vec![Need::new(actions, place.arn("codebuild", &format!("project/{project}")))];
    // Where the stack's project and one that a variable names write, only their definitions say.
    if project != "*" && project != place.commands_project {
        needs.push(Need::useful(&["logs:GetLogEvents"], logs, "the end of the build's log is not kept"));
    }
    let role = known(action, "ServiceRoleArnOverride");
    if role != "*" {
        needs.push(Need::pass(role, "codebuild.amazonaws.com"));
    }
    needs
}

fn uploads(place: &Where, action: &Action) -> Vec<Need> {
    let with_acl = action.configuration.contains_key("CannedACL");
    let calls: &[&str] = if with_acl { &["s3:PutObject", "s3:PutObjectAcl"] } else { &["s3:PutObject"] };
    let mut needs = vec![Need::new(calls, place.objects(known(action, "BucketName")))];
    // An alias is no resource of which rights are told.
    if let Some(key) = action.configuration.get("KMSEncryptionKeyARN").filter(|key| key.contains(":key/")) {
        needs.push(Need::new(&["kms:GenerateDataKey"], key.clone()));
    }
    needs
}

fn stacks(place: &Where, action: &Action) -> Vec<Need> {
    let stack = place.arn("cloudformation", &format!("stack/{}/*", known(action, "StackName")));
    let calls: &[&str] = match known(action, "ActionMode") {
        "CREATE_UPDATE" => {
            &["cloudformation:DescribeStacks", "cloudformation:CreateStack", "cloudformation:UpdateStack"]
        }
        "REPLACE_ON_FAILURE" => &[
            "cloudformation:DescribeStacks",
            "cloudformation:CreateStack",
            "cloudformation:UpdateStack",
            "cloudformation:DeleteStack",
        ],
        "DELETE_ONLY" => &["cloudformation:DescribeStacks", "cloudformation:DeleteStack"],
        "CHANGE_SET_REPLACE" => &[
            "cloudformation:DescribeStacks",
            "cloudformation:CreateChangeSet",
            "cloudformation:DescribeChangeSet",
            "cloudformation:DeleteChangeSet",
        ],
        "CHANGE_SET_EXECUTE" => &[
            "cloudformation:DescribeStacks",
            "cloudformation:DescribeChangeSet",
            "cloudformation:ExecuteChangeSet",
        ],
        _ => &["cloudformation:DescribeStacks"],
    };
    let mut needs = vec![Need::new(calls, &stack)];
    needs.extend(of_files(place, action, &stack));
    // A change set alone touches no stack: there are no events and there is nothing to end.
    if known(action, "ActionMode") != "CHANGE_SET_REPLACE" {
        needs.push(Need::new(&["cloudformation:DescribeStackEvents"], &stack));
        needs.push(Need::useful(&["cloudformation:DescribeEvents"], &stack, HOOK));
        needs.push(Need::useful(&["cloudformation:CancelUpdateStack"], stack, STOP));
    }
    let role = known(action, "RoleArn");
    if role != "*" && known(action, "ActionMode") != "CHANGE_SET_EXECUTE" {
        needs.push(Need::pass(role, "cloudformation.amazonaws.com"));
    }
    needs
}

/// What only the files of a stack's action decide.
fn of_files(place: &Where, action: &Action, stack: &str) -> Vec<Need> {
    let has = |key: &str| action.configuration.get(key).is_some_and(|value| !value.is_empty());
    let mut needs = vec![];
    // It is a need of every output artifact besides.
    if has("TemplatePath") && action.output_artifacts.is_empty() {
        let large =
            "a template of more than 51,200 bytes, which is handed over in the artifact bucket, is refused";
        needs.push(Need::useful(&["s3:PutObject"], place.artifacts(&place.artifact_bucket), large));
    }
    if has("TemplateConfiguration") && known(action, "ActionMode") != "CHANGE_SET_REPLACE" {
        let policy = "a `StackPolicy` in the file of TemplateConfiguration is refused";
        needs.push(Need::useful(&["cloudformation:SetStackPolicy"], stack, policy));
    }
    needs
}

fn deployments(place: &Where, action: &Action) -> Vec<Need> {
    let application = known(action, "ApplicationName");
    let group = place.arn(
        "codedeploy",
        &format!("deploymentgroup:{application}/{}", known(action, "DeploymentGroupName")),
    );
    let calls = [
        "codedeploy:CreateDeployment",
        "codedeploy:GetDeployment",
        "codedeploy:ListDeployments",
        "codedeploy:BatchGetDeployments",
    ];
    let targets = ["codedeploy:ListDeploymentTargets", "codedeploy:BatchGetDeploymentTargets"];
    vec![
        Need::new(&calls, &group),
        // CodeDeploy asks for these by itself when a deployment is created.
        Need::new(
            &["codedeploy:GetApplicationRevision", "codedeploy:RegisterApplicationRevision"],
            place.arn("codedeploy", &format!("application:{application}")),
        ),
        Need::new(&["codedeploy:GetDeploymentConfig"], place.arn("codedeploy", "deploymentconfig:*")),
        Need::useful(&["codedeploy:StopDeployment"], &group, STOP),
        Need::useful(&targets, group, REASON),
    ]
}

/// Task definitions are asked for and registered without a resource (Service authorization reference, ECS); which roles
/// they name, [`super::task_roles`] reads.
fn definitions() -> Vec<Need> {
    let calls = [
        "ecs:DescribeTaskDefinition",
        "ecs:ListTaskDefinitions",
        "ecs:RegisterTaskDefinition",
        "ecs:TagResource",
    ];
    vec![Need::new(&calls, "*")]
}

fn services(place: &Where, action: &Action) -> Vec<Need> {
    let (cluster, service) = (known(action, "ClusterName"), known(action, "ServiceName"));
    let arn = place.arn("ecs", &format!("service/{cluster}/{service}"));
    let of_service = |kind: &str| place.arn("ecs", &format!("{kind}/{cluster}/{service}/*"));
    let mut needs = vec![Need::new(&["ecs:DescribeServices", "ecs:UpdateService"], &arn)];
    needs.extend(definitions());
    needs.push(Need::useful(&["ecs:ListServiceDeployments"], arn, STOP));
    needs.push(Need::useful(&["ecs:StopServiceDeployment"], of_service("service-deployment"), STOP));
    let tasks = place.arn("ecs", &format!("task/{cluster}/*"));
    needs.push(Need::useful(&["ecs:DescribeTasks"], tasks, REASON));
    // Tasks are listed on the container instances of a cluster, the condition that policies narrow the right by.
    let instances = place.arn("ecs", &format!("container-instance/{cluster}/*"));
    let of_cluster = vec![("ecs:cluster", place.arn("ecs", &format!("cluster/{cluster}")))];
    needs.push(Need { context: of_cluster, ..Need::useful(&["ecs:ListTasks"], instances, REASON) });
    needs
}

#[cfg(test)]
mod tests {
    use super::*;

    fn action(json: serde_json::Value) -> Action {
        serde_json::from_value(json).unwrap()
    }

    fn place() -> Where {
        Where {
            partition: "aws".into(),
            region: "eu-west-1".into(),
            account: "111122223333".into(),
            artifact_bucket: "bucket".into(),
            own_store: false,
            artifact_key: None,
            far_buckets: vec![],
            commands_project: "penstock-commands".into(),
        }
    }

    #[test]
    fn an_encrypted_upload_needs_its_key() {
        let key = "arn:aws:kms:eu-west-1:111122223333:key/1";
        let upload = action(serde_json::json!({
            "name": "Publish", "actionTypeId": { "category": "Deploy", "owner": "AWS", "provider": "S3", "version": "1" },
            "configuration": { "BucketName": "site", "Extract": "true", "KMSEncryptionKeyARN": key }
        }));
        assert!(needs(&upload, &place()).contains(&Need::new(&["kms:GenerateDataKey"], key)));
    }

    #[test]
    fn a_build_needs_its_project_and_its_artifacts() {
        let build = action(serde_json::json!({
            "name": "Compile", "actionTypeId": { "category": "Build", "owner": "AWS", "provider": "CodeBuild", "version": "1" },
            "configuration": { "ProjectName": "web", "BatchEnabled": "true" }, "inputArtifacts": [{ "name": "Source" }]
        }));
        let needs = needs(&build, &place());
        assert_eq!(needs[0].resource, "arn:aws:codebuild:eu-west-1:111122223333:project/web");
        assert_eq!(needs[0].actions[0], "codebuild:StartBuildBatch");
        assert_eq!(needs[1].resource, "arn:aws:logs:eu-west-1:111122223333:log-group:/aws/codebuild/web:*");
        assert!(needs[1].without.is_some(), "the build runs without its log");
        assert_eq!(
            needs[2],
            Need::new(&["s3:GetObject", "s3:GetObjectVersion"], "arn:aws:s3:::bucket/artifacts/*")
        );
        assert_eq!(needs.len(), 3);
    }

    #[test]
    fn what_lies_in_another_region_is_read_there_and_written_here() {
        let deploy = action(serde_json::json!({
            "name": "Check", "actionTypeId": { "category": "Invoke", "owner": "AWS", "provider": "Lambda", "version": "1" },
            "configuration": { "FunctionName": "check" }, "inputArtifacts": [{ "name": "Source" }]
        }));
        let key = "arn:aws:kms:eu-west-1:111122223333:key/1";
        let far = "arn:aws:kms:us-east-1:111122223333:key/2";
        let place = Where {
            far_buckets: vec![("home".into(), Some(far.into()))],
            artifact_key: Some(key.into()),
            ..place()
        };
        let needs = needs(&deploy, &place);
        let read = ["s3:GetObject", "s3:GetObjectVersion"];
        assert!(needs.contains(&Need::new(&read, "arn:aws:s3:::home/artifacts/*")));
        assert!(needs.contains(&Need::new(&["s3:PutObject"], "arn:aws:s3:::bucket/artifacts/*")));
        assert!(needs.contains(&Need::new(&["kms:GenerateDataKey"], key)));
        for read in [key, far] {
            assert!(needs.contains(&Need::new(&["kms:Decrypt"], read)), "{read}");
        }
    }

    #[test]
    fn what_a_function_puts_is_written_and_read_by_the_actions_role() {
        let invoke = action(serde_json::json!({
            "name": "Make", "actionTypeId": { "category": "Invoke", "owner": "AWS", "provider": "Lambda", "version": "1" },
            "configuration": { "FunctionName": "make" }, "outputArtifacts": [{ "name": "Report" }]
        }));
        let needs: Vec<_> =
            needs(&invoke, &place()).into_iter().map(|it| (it.actions, it.resource)).collect();
        let (objects, function) =
            ("arn:aws:s3:::bucket/artifacts/*", "arn:aws:lambda:eu-west-1:111122223333:function:make");
        assert_eq!(
            needs,
            [
                (vec!["lambda:InvokeFunction"], function.to_owned()),
                (vec!["s3:GetObject"], objects.to_owned()),
                (vec!["s3:PutObject"], objects.to_owned()),
            ]
        );
    }

    #[test]
    fn a_role_in_place_of_the_projects_is_passed() {
        let role = "arn:aws:iam::111122223333:role/builder";
        let build = action(serde_json::json!({
            "name": "Compile", "actionTypeId": { "category": "Build", "owner": "AWS", "provider": "CodeBuild", "version": "1" },
            "configuration": { "ProjectName": "web", "ServiceRoleArnOverride": role }, "inputArtifacts": [{ "name": "Source" }]
        }));
        assert!(needs(&build, &place()).contains(&Need::pass(role, "codebuild.amazonaws.com")));
    }

    #[test]
    fn what_only_files_decide_is_useful() {
        let up = |configuration: serde_json::Value| -> Vec<&'static str> {
            let deploy = action(serde_json::json!({
                "name": "Up", "actionTypeId": { "category": "Deploy", "owner": "AWS", "provider": "CloudFormation", "version": "1" },
                "configuration": configuration, "inputArtifacts": [{ "name": "Source" }]
            }));
            let needs = needs(&deploy, &place());
            needs.into_iter().filter(|need| need.without.is_some()).flat_map(|need| need.actions).collect()
        };
        let plain = serde_json::json!({ "StackName": "web", "ActionMode": "CREATE_UPDATE", "TemplatePath": "Source::t.yml" });
        assert_eq!(
            up(plain.clone()),
            ["s3:PutObject", "cloudformation:DescribeEvents", "cloudformation:CancelUpdateStack"]
        );
        let mut with_policy = plain;
        with_policy["TemplateConfiguration"] = "Source::t.json".into();
        assert!(up(with_policy).contains(&"cloudformation:SetStackPolicy"));
        let gone = serde_json::json!({ "StackName": "web", "ActionMode": "DELETE_ONLY" });
        assert!(!up(gone).contains(&"s3:PutObject"));
    }

    #[test]
    fn why_tasks_stopped_takes_listing_them() {
        let deploy = action(serde_json::json!({
            "name": "Go", "actionTypeId": { "category": "Deploy", "owner": "AWS", "provider": "ECS", "version": "1" },
            "configuration": { "ClusterName": "c", "ServiceName": "s" }, "inputArtifacts": [{ "name": "Source" }]
        }));
        let needs = needs(&deploy, &place());
        let list = needs.iter().find(|need| need.actions == ["ecs:ListTasks"]).unwrap();
        assert_eq!(list.without, Some(REASON));
        assert_eq!(
            list.context,
            [("ecs:cluster", "arn:aws:ecs:eu-west-1:111122223333:cluster/c".to_owned())]
        );
    }

    #[test]
    fn what_variables_decide_is_any() {
        let deploy = action(serde_json::json!({
            "name": "Up", "actionTypeId": { "category": "Deploy", "owner": "AWS", "provider": "CloudFormation", "version": "1" },
            "configuration": { "StackName": "web-#{variables.STAGE}", "ActionMode": "CREATE_UPDATE", "RoleArn": "arn:aws:iam::111122223333:role/cfn" }
        }));
        let needs = needs(&deploy, &place());
        assert_eq!(needs[0].resource, "arn:aws:cloudformation:eu-west-1:111122223333:stack/*/*");
        assert_eq!(needs.last().unwrap().actions, ["iam:PassRole"]);
    }
}
