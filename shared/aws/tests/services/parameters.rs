//! Parameters of SSM's Parameter Store as secrets.

use std::sync::Arc;
use std::time::Duration;

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_ssm::Client as Ssm;
use aws_sdk_ssm::types::ParameterType;
use penstock_app::port::secrets::Secrets;
use penstock_aws::sdk::Sdk;
use penstock_aws::secrets::AwsSecrets;
use penstock_testkit::contract::secrets_contract;
use penstock_testkit::fake::ManualClock;

use crate::connector::every_fault;
use crate::{faults, fresh};

fn ssm() -> Ssm {
    Ssm::new(faults().sdk().config())
}

fn secrets() -> AwsSecrets {
    AwsSecrets::with_parameters(&faults().sdk())
}

/// Stores a parameter; its name and its ARN.
async fn parameter(kind: ParameterType, value: &str) -> (String, String) {
    let name = format!("/penstock/{}", fresh("parameter"));
    ssm().put_parameter().name(&name).value(value).r#type(kind).send().await.unwrap();
    let stored = ssm().get_parameter().name(&name).send().await.unwrap().parameter.unwrap();
    (name, stored.arn.unwrap())
}

async fn replace(name: &str, value: &str) {
    ssm().put_parameter().name(name).value(value).overwrite(true).send().await.unwrap();
}

/// What is said of `reference`, which is refused for good.
async fn refusal(secrets: &AwsSecrets, reference: &str) -> String {
    let error = secrets.secret(reference).await.unwrap_err();
    assert!(!error.retryable && error.message.contains(reference), "{error}");
    error.message
}

#[tokio::test]
async fn contract() {
    let make = async |values: &[&str]| {
        let mut names = vec![];
        for value in values {
            names.push(parameter(ParameterType::SecureString, value).await.1);
        }
        (Arc::new(secrets()) as Arc<dyn Secrets>, names)
    };
    secrets_contract(make, true).await;
}

#[tokio::test]
async fn a_parameter_is_read_whole_decrypted_and_of_the_version_or_label_that_is_named() {
    let secrets = secrets();
    let (_, plain) = parameter(ParameterType::String, "hunter1").await;
    assert_eq!(secrets.secret(&plain).await.unwrap(), "hunter1");
    let (name, arn) = parameter(ParameterType::SecureString, "hunter2").await;
    ssm().label_parameter_version().name(&name).labels("before").send().await.unwrap();
    replace(&name, "hunter3").await;
    for (behind, value) in [("", "hunter3"), (":1", "hunter2"), (":2", "hunter3"), (":before", "hunter2")] {
        assert_eq!(secrets.secret(&format!("{arn}{behind}")).await.unwrap(), value, "{behind}");
    }
}

#[tokio::test]
async fn a_rotation_is_seen_within_minutes_and_values_are_not_printed() {
    let clock = Arc::new(ManualClock::default());
    let secrets = secrets().with_clock(clock.clone());
    let (name, arn) = parameter(ParameterType::SecureString, "hunter2").await;
    assert_eq!(secrets.secret(&arn).await.unwrap(), "hunter2");
    replace(&name, "hunter3").await;
    assert_eq!(secrets.secret(&arn).await.unwrap(), "hunter2", "a value is kept for a while");
    clock.advance(Duration::from_secs(5 * 60));
    assert_eq!(secrets.secret(&arn).await.unwrap(), "hunter3");
    assert!(!format!("{secrets:?}").contains("hunter"));
}

#[tokio::test]
async fn what_cannot_be_read_is_refused_with_the_way_out() {
    let secrets = secrets();
    let (_, list) = parameter(ParameterType::StringList, "hunter2,hunter3").await;
    let (_, there) = parameter(ParameterType::SecureString, "hunter4").await;
    let absent = format!("{there}-no-more");
    for (reference, why, way_out) in [
        (list.clone(), "it is a StringList", "store it as a SecureString"),
        (absent, "ParameterNotFound", "aws ssm put-parameter"),
        (format!("{there}:7"), "ParameterVersionNotFound", "a version or label that it has"),
        (format!("{there}:current"), "ParameterVersionNotFound", "a version or label that it has"),
        (format!("{there}:current:key"), "a JSON key cannot be named", "at most :VERSION or :LABEL"),
        (there.replace("us-east-1", "eu-west-1"), "in the region `eu-west-1`", "store it there too"),
        (there.replace(":ssm:", ":s3:"), "neither a secret", "give one of those"),
    ] {
        let said = refusal(&secrets, &reference).await;
        assert!(said.contains(why) && said.contains(way_out) && !said.contains("hunter"), "{said}");
    }
    let said = refusal(&AwsSecrets::new(&faults().sdk()), &there).await;
    assert!(said.contains("only a secret of Secrets Manager is read here"), "{said}");
}

#[tokio::test]
async fn a_right_that_is_missing_is_named() {
    let (_, arn) = parameter(ParameterType::SecureString, "hunter2").await;
    let iam = aws_sdk_iam::Client::new(faults().sdk().config());
    let user = fresh("stranger");
    iam.create_user().user_name(&user).send().await.unwrap();
    let key = iam.create_access_key().user_name(&user).send().await.unwrap().access_key.unwrap();
    let credentials = Credentials::new(key.access_key_id, key.secret_access_key, None, None, "tests");
    let config = faults().sdk().config().to_builder();
    let config = config.credentials_provider(SharedCredentialsProvider::new(credentials)).build();
    let said = refusal(&AwsSecrets::with_parameters(&Sdk::from_config(config)), &arn).await;
    assert!(said.contains("AccessDenied") && said.contains("ssm:GetParameter"), "{said}");
    assert!(said.contains("kms:Decrypt") && said.contains("SecretsKeyArn"), "{said}");
}

#[tokio::test]
async fn whatever_fails_values_are_read_whole() {
    let faults = faults();
    let (_, arn) = parameter(ParameterType::SecureString, "hunter2").await;
    every_fault(&faults, async |case| {
        let secrets = AwsSecrets::with_parameters(&faults.sdk());
        let read = async || secrets.secret(&arn).await;
        assert_eq!(faults.until_done(read).await, "hunter2", "{case}");
    })
    .await;
}
