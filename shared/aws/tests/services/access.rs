//! Roles are assumed for the pipelines that they trust and for no others, with few calls, whatever fails.

use std::sync::{Arc, Mutex};

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use penstock_app::engine::state::TriggerCause;
use penstock_app::port::PortError;
use penstock_app::port::provider::Work;
use penstock_aws::access::{Access, NotAssumed, WithoutRole};
use penstock_aws::sdk::Sdk;
use penstock_model::id::DefinitionVersion;
use penstock_model::time::Timestamp;
use penstock_testkit::build::{build, name};
use serde_json::json;

use crate::artifacts::fresh_attempt;
use crate::connector::every_fault;
use crate::{faults, fresh};

const DEFAULT: &str = "arn:aws:iam::000000000000:role/default";
const ID: &str = "an-id";

/// An attempt of `pipeline` under `role`.
fn work(pipeline: &str, role: Option<&str>) -> Work {
    Work {
        attempt: fresh_attempt(),
        pipeline: name(pipeline),
        definition: DefinitionVersion(1),
        action: build("Compile").build(),
        role_arn: role.map(str::to_owned),
        artifact_store: None,
        inputs: vec![],
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

/// Who the actions of `pipeline` are under `role`.
async fn assumed(access: &Access, pipeline: &str, role: Option<&str>) -> Result<String, PortError> {
    let sdk = access.of(&work(pipeline, role), WithoutRole::DefaultRole).await.unwrap();
    sdk.credentials().await.map(|given| given.access_key_id().to_owned())
}

/// An STS whose roles trust whoever says `trusted`, and the external ids that it was told.
#[derive(Debug, Clone)]
struct Sts {
    trusted: Arc<Mutex<String>>,
    told: Arc<Mutex<Vec<String>>>,
}

impl Sts {
    fn trusting(id: &str) -> Self {
        Self { trusted: Arc::new(Mutex::new(id.to_owned())), told: Arc::default() }
    }

    fn access(&self) -> Access {
        let config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .http_client(SharedHttpClient::new(self.clone()))
            .region(Region::from_static("us-east-1"))
            .credentials_provider(SharedCredentialsProvider::new(Credentials::new(
                "t", "t", None, None, "tests",
            )));
        Access::new(Sdk::from_config(config.build()), Some(DEFAULT.to_owned()), Some(ID.to_owned()))
    }

    /// What it was told since it was last asked for that.
    fn told(&self) -> Vec<String> {
        std::mem::take(&mut *self.told.lock().unwrap())
    }

    fn answer(&self, form: &str) -> HttpResponse {
        let id = form.split('&').find_map(|pair| pair.strip_prefix("ExternalId=")).unwrap_or_default();
        let id = id.replace("%2F", "/");
        self.told.lock().unwrap().push(id.clone());
        let (status, body) = if id == *self.trusted.lock().unwrap() {
            // Expired as soon as given: whoever uses them asks anew.
            let given = "<AccessKeyId>k</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken><Expiration>2020-01-01T00:00:00Z</Expiration>";
            (
                200,
                format!(
                    "<AssumeRoleResponse><AssumeRoleResult><Credentials>{given}</Credentials></AssumeRoleResult></AssumeRoleResponse>"
                ),
            )
        } else {
            (403, "<ErrorResponse><Error><Code>AccessDenied</Code><Message>not authorized</Message></Error></ErrorResponse>".to_owned())
        };
        HttpResponse::new(status.try_into().unwrap(), SdkBody::from(body))
    }
}

impl HttpClient for Sts {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Sts {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let form = String::from_utf8(request.body().bytes().unwrap().to_vec()).unwrap();
        HttpConnectorFuture::ready(Ok(self.answer(&form)))
    }
}

#[tokio::test]
async fn the_default_role_costs_one_call_also_where_it_is_named() {
    let sts = Sts::trusting(ID);
    let access = sts.access();
    for role in [None, Some(DEFAULT)] {
        assumed(&access, "web", role).await.unwrap();
        assert_eq!(sts.told(), [ID], "{role:?}");
    }
}

#[tokio::test]
async fn who_names_the_default_role_gets_no_more_by_it_and_what_began_goes_on() {
    let access = Sts::trusting(ID).access();
    for role in [None, Some(DEFAULT)] {
        let work = work("web", role);
        let refused = access.of(&work, WithoutRole::Refused).await.unwrap_err();
        assert!(!refused.retryable && refused.message.contains("DefaultRoleProviders"), "{refused:?}");
        access.of(&work, WithoutRole::Refused.once_begun(true)).await.unwrap();
    }
}

#[tokio::test]
async fn a_role_of_every_pipeline_costs_one_call_more_for_each_and_only_once() {
    let sts = Sts::trusting(ID);
    let access = sts.access();
    for pipeline in ["web", "api"] {
        let own = format!("{ID}/{pipeline}");
        assumed(&access, pipeline, Some("arn:aws:iam::1:role/all")).await.unwrap();
        assert_eq!(sts.told(), [own.as_str(), ID]);
        assumed(&access, pipeline, Some("arn:aws:iam::1:role/all")).await.unwrap();
        assert_eq!(sts.told(), [ID], "the one that it took is said first");
    }
}

#[tokio::test]
async fn a_role_whose_trust_is_narrowed_later_is_still_had() {
    let sts = Sts::trusting(ID);
    let access = sts.access();
    assumed(&access, "web", Some("arn:aws:iam::1:role/x")).await.unwrap();
    *sts.trusted.lock().unwrap() = format!("{ID}/web");
    sts.told();
    assumed(&access, "web", Some("arn:aws:iam::1:role/x")).await.unwrap();
    assert_eq!(sts.told(), [ID, "an-id/web"]);
    assert!(assumed(&access, "api", Some("arn:aws:iam::1:role/x")).await.is_err());
}

/// A role of the emulator's, which enforces trust, for whoever says one of `ids`; its ARN.
async fn role(ids: &[&str]) -> String {
    let iam = aws_sdk_iam::Client::new(faults().sdk().config());
    let trust = json!({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole",
        "Condition": {"StringEquals": {"sts:ExternalId": ids}},
    }]});
    let made = iam.create_role().role_name(fresh("deploys")).assume_role_policy_document(trust.to_string());
    made.send().await.unwrap().role().unwrap().arn().to_owned()
}

#[tokio::test]
async fn a_role_serves_the_pipelines_that_its_trust_names() {
    let access = Access::new(faults().sdk(), None, Some(ID.to_owned()));
    let (webs, all) = (role(&["an-id/web", "an-id/site"]).await, role(&[ID]).await);
    for (pipeline, role) in [("web", &webs), ("site", &webs), ("web", &all), ("api", &all)] {
        assumed(&access, pipeline, Some(role)).await.unwrap();
    }
    // Nor does one get it whose name begins with another's, or who asks when that one has it already.
    for other in ["api", "web2", "we"] {
        let refused = assumed(&access, other, Some(&webs)).await.unwrap_err();
        assert!(!refused.retryable, "{refused:?}");
        let ids = format!("`an-id/{other}`, then `an-id`");
        let trust = format!(r#"{{"StringEquals":{{"sts:ExternalId":"an-id/{other}"}}}}"#);
        assert!(refused.message.contains(&ids) && refused.message.contains(&trust), "{refused:?}");
    }
}

#[tokio::test]
async fn a_role_is_assumed_whatever_fails() {
    let all = role(&[ID]).await;
    let faults = faults();
    every_fault(&faults, async |case| {
        let access = Access::new(faults.sdk(), None, Some(ID.to_owned()));
        let work = work("web", Some(&all));
        let narrow = || {
            let nothing = json!({"Effect": "Deny", "Action": "*", "Resource": "*"});
            json!({"Version": "2012-10-17", "Statement": [nothing]}).to_string()
        };
        let given = faults.until_done(async || {
            let given = access.narrowed(&work, WithoutRole::Refused, |_| narrow()).await;
            given.map_err(|error| match error {
                NotAssumed::Otherwise(error) => error,
                NotAssumed::Refused(why) => panic!("{case}: {why}"),
            })
        });
        assert!(given.await.is_some(), "{case}");
    })
    .await;
}
