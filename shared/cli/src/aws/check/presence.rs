//! Whether what an action names in its configuration is there.

use penstock_aws::sdk::Sdk;
use penstock_model::pipeline::{Action, Category};
use reqwest::Method;
use serde_json::{Value as Json, json};

use super::needs::{Where, known};
use crate::aws::ask::{self, Answer, Service};

const CODEBUILD: Service = Service { signing: "codebuild", host: "codebuild", id: "CODEBUILD" };
const CODEDEPLOY: Service = Service { signing: "codedeploy", host: "codedeploy", id: "CODEDEPLOY" };
const ECS: Service = Service { signing: "ecs", host: "ecs", id: "ECS" };
const LAMBDA: Service = Service { signing: "lambda", host: "lambda", id: "LAMBDA" };
pub(super) const S3: Service = Service { signing: "s3", host: "s3", id: "S3" };

/// What is wrong with something that is named.
pub(super) enum Problem {
    /// It is not there.
    Missing(String),
    /// Nobody would tell.
    Unseen(String),
}

/// What is wrong, if anything is, with the configuration key that names it. Only in the account that these credentials are of.
pub(super) async fn problem(
    sdk: &Sdk,
    action: &Action,
    place: &Where,
) -> anyhow::Result<Option<(&'static str, Problem)>> {
    let kind = &action.action_type_id;
    match (kind.provider.as_str(), kind.category) {
        ("CodeBuild", _) => project(sdk, action, place).await,
        ("CodeDeploy" | "CodeDeployToECS", _) => deployment_group(sdk, action, place).await,
        ("ECS", _) => service(sdk, action, place).await,
        ("S3", Category::Source) => bucket(sdk, action, place, "S3Bucket").await,
        ("S3", _) => bucket(sdk, action, place, "BucketName").await,
        ("Lambda", Category::Invoke) => function(sdk, action, place).await,
        _ => Ok(None),
    }
}

type Found = anyhow::Result<Option<(&'static str, Problem)>>;

fn missing(key: &'static str, what: &str) -> Option<(&'static str, Problem)> {
    Some((key, Problem::Missing(format!("there is no {what}; create it, or correct the name"))))
}

fn unseen(key: &'static str, what: &str, answer: &Answer) -> Option<(&'static str, Problem)> {
    let why = answer.body["message"].as_str().or(answer.body["Message"].as_str()).unwrap_or(answer.code());
    let why = if why.is_empty() { format!("status {}", answer.status) } else { why.to_owned() };
    let may = if answer.is_forbidden() { "; allow yourself to look" } else { "" };
    Some((key, Problem::Unseen(format!("whether {what} is there is not checked: {why}{may}"))))
}

async fn project(sdk: &Sdk, action: &Action, place: &Where) -> Found {
    let name = known(action, "ProjectName");
    if name == "*" {
        return Ok(None);
    }
    let what = format!("CodeBuild project `{name}` in {}", place.region);
    let input = json!({ "names": [name] });
    let target = ("1.1", "CodeBuild_20161006.BatchGetProjects");
    let answer = ask::json(sdk, CODEBUILD, &place.region, target, &input).await?;
    let absent = answer.body["projectsNotFound"].as_array().is_some_and(|names| !names.is_empty());
    Ok(match answer.is_good() {
        true if absent => missing("ProjectName", &what),
        true => None,
        false => unseen("ProjectName", &what, &answer),
    })
}

async fn deployment_group(sdk: &Sdk, action: &Action, place: &Where) -> Found {
    let (application, group) = (known(action, "ApplicationName"), known(action, "DeploymentGroupName"));
    if application == "*" || group == "*" {
        return Ok(None);
    }
    let input = json!({ "applicationName": application, "deploymentGroupName": group });
    let target = ("1.1", "CodeDeploy_20141006.GetDeploymentGroup");
    let answer = ask::json(sdk, CODEDEPLOY, &place.region, target, &input).await?;
    let of_group =
        format!("deployment group `{group}` of the application `{application}` in {}", place.region);
    Ok(match answer.code() {
        _ if answer.is_good() => None,
        "ApplicationDoesNotExistException" => {
            missing("ApplicationName", &format!("CodeDeploy application `{application}` in {}", place.region))
        }
        "DeploymentGroupDoesNotExistException" => missing("DeploymentGroupName", &of_group),
        _ => unseen("DeploymentGroupName", &of_group, &answer),
    })
}

async fn service(sdk: &Sdk, action: &Action, place: &Where) -> Found {
    let (cluster, service) = (known(action, "ClusterName"), known(action, "ServiceName"));
    if cluster == "*" || service == "*" {
        return Ok(None);
    }
    let what = format!("service `{service}` in the ECS cluster `{cluster}` in {}", place.region);
    let input = json!({ "cluster": cluster, "services": [service] });
    let target = ("1.1", "AmazonEC2ContainerServiceV20141113.DescribeServices");
    let answer = ask::json(sdk, ECS, &place.region, target, &input).await?;
    let active = |service: &Json| service["status"] == "ACTIVE";
    let there = answer.body["services"].as_array().is_some_and(|services| services.iter().any(active));
    Ok(match answer.code() {
        _ if answer.is_good() && there => None,
        _ if answer.is_good() => missing("ServiceName", &what),
        "ClusterNotFoundException" => {
            missing("ClusterName", &format!("ECS cluster `{cluster}` in {}", place.region))
        }
        _ => unseen("ServiceName", &what, &answer),
    })
}

async fn bucket(sdk: &Sdk, action: &Action, place: &Where, key: &'static str) -> Found {
    let name = known(action, key);
    let Some(answer) = head(sdk, name, &place.region).await? else { return Ok(None) };
    Ok(match answer.status {
        // 301: it is in another region.
        200..400 => None,
        404 => missing(key, &format!("bucket `{name}`")),
        _ => unseen(key, &format!("bucket `{name}`"), &answer),
    })
}

/// What is wrong with the bucket of an artifact store, which has to be in `region`.
pub(super) async fn store(sdk: &Sdk, bucket: &str, region: &str) -> anyhow::Result<Option<Problem>> {
    let Some(answer) = head(sdk, bucket, region).await? else { return Ok(None) };
    let what = format!("bucket `{bucket}` in {region}");
    let elsewhere = answer.bucket_region.as_deref().filter(|found| *found != region);
    Ok(match (answer.status, elsewhere) {
        (404, _) => missing("location", &what),
        (200..400, Some(found)) => Some((
            "location",
            Problem::Missing(format!(
                "the bucket `{bucket}` is in {found}, and artifacts of actions in {region} are to lie there; name a bucket in {region}"
            )),
        )),
        (200..400, None) => None,
        _ => unseen("location", &what, &answer),
    }
    .map(|(_, problem)| problem))
}

/// What S3 says of the bucket called `name`; `None` if it is no name, or not known yet.
async fn head(sdk: &Sdk, name: &str, region: &str) -> anyhow::Result<Option<Answer>> {
    // The host of a bucket's requests is made of its name; a name that is none must not make another host.
    let is_name = name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_'));
    if name == "*" || !is_name {
        return Ok(None);
    }
    ask::rest(sdk, S3, region, Method::HEAD, &format!("/{name}")).await.map(Some)
}

async fn function(sdk: &Sdk, action: &Action, place: &Where) -> Found {
    let name = known(action, "FunctionName");
    let is_name = name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
    if name == "*" || !is_name {
        return Ok(None);
    }
    let what = format!("Lambda function `{name}` in {}", place.region);
    let path = format!("/2015-03-31/functions/{name}/configuration");
    let answer = ask::rest(sdk, LAMBDA, &place.region, Method::GET, &path).await?;
    Ok(match answer.status {
        _ if answer.is_good() => None,
        404 => missing("FunctionName", &what),
        _ => unseen("FunctionName", &what, &answer),
    })
}
