//! Secrets of Secrets Manager.

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_secretsmanager::Client as SecretsManager;
use penstock_app::port::secrets::Secrets;
use penstock_aws::secrets::AwsSecrets;
use penstock_testkit::contract::secrets_contract;
use penstock_testkit::fake::ManualClock;

use crate::connector::every_fault;
use crate::{faults, fresh};

fn manager() -> SecretsManager {
    SecretsManager::new(faults().sdk().config())
}

/// Stores a secret; its name and its ARN.
async fn secret(value: &str) -> (String, String) {
    let name = fresh("secret");
    let made = manager().create_secret().name(&name).secret_string(value).send().await.unwrap();
    (name, made.arn().unwrap().to_owned())
}

#[tokio::test]
async fn contract() {
    let make = async |values: &[&str]| {
        let mut names = vec![];
        for value in values {
            names.push(secret(value).await.1);
        }
        (Arc::new(AwsSecrets::new(&faults().sdk())) as Arc<dyn Secrets>, names)
    };
    secrets_contract(make, true).await;
}

#[tokio::test]
async fn secrets_are_read_by_name_arn_and_key() {
    let secrets = AwsSecrets::new(&faults().sdk());
    let (name, arn) = secret(r#"{"current":"new","previous":"old"}"#).await;
    for id in [&name, &arn] {
        assert_eq!(secrets.secret(id).await.unwrap(), r#"{"current":"new","previous":"old"}"#);
        assert_eq!(secrets.secret(&format!("{id}:previous")).await.unwrap(), "old");
        assert_eq!(secrets.secret(&format!("{id}:current:AWSCURRENT")).await.unwrap(), "new");
        let missing = secrets.secret(&format!("{id}:nothing")).await.unwrap_err();
        assert!(!missing.retryable && missing.message.contains("no such key"), "{missing}");
    }
    let missing = secrets.secret("no-such-secret").await.unwrap_err();
    assert!(!missing.retryable && missing.message.contains("no-such-secret"), "{missing}");
}

#[tokio::test]
async fn a_rotation_is_seen_within_minutes_and_values_are_not_printed() {
    let clock = Arc::new(ManualClock::default());
    let secrets = AwsSecrets::new(&faults().sdk()).with_clock(clock.clone());
    let (name, _) = secret("hunter2").await;
    assert_eq!(secrets.secret(&name).await.unwrap(), "hunter2");
    manager().put_secret_value().secret_id(&name).secret_string("hunter3").send().await.unwrap();
    assert_eq!(secrets.secret(&name).await.unwrap(), "hunter2", "a value is kept for a while");
    clock.advance(Duration::from_secs(5 * 60));
    assert_eq!(secrets.secret(&name).await.unwrap(), "hunter3");
    assert!(!format!("{secrets:?}").contains("hunter"));
}

#[tokio::test]
async fn whatever_fails_values_are_read_whole() {
    let faults = faults();
    let (secret, _) = secret("hunter2").await;
    every_fault(&faults, async |case| {
        let secrets = AwsSecrets::new(&faults.sdk());
        let read = async || secrets.secret(&secret).await;
        assert_eq!(faults.until_done(read).await, "hunter2", "{case}");
    })
    .await;
}
