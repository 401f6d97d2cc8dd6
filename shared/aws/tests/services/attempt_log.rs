//! The ends of attempts' logs.

use std::sync::Arc;

use penstock_app::port::logs::Logs;
use penstock_aws::attempt_log::AttemptLogs;
use penstock_testkit::contract::logs_contract;

use crate::artifacts::fresh_attempt;
use crate::bucket::Bucket;
use crate::connector::every_fault;
use crate::faults;

#[tokio::test]
async fn contract() {
    logs_contract(async |attempt, bytes| {
        let sdk = faults().sdk();
        let logs = AttemptLogs::new(&sdk, Bucket::new(&sdk).await.name);
        logs.write(&attempt, &bytes).await.unwrap();
        Arc::new(logs) as Arc<dyn Logs>
    })
    .await;
}

#[tokio::test]
async fn a_log_is_replaced_and_shown_without_control_characters() {
    let sdk = faults().sdk();
    let (logs, attempt) = (AttemptLogs::new(&sdk, Bucket::new(&sdk).await.name), fresh_attempt());
    logs.write(&attempt, b"one\n").await.unwrap();
    logs.write(&attempt, b"one\n\x1b[2Jtwo\tthree\n").await.unwrap();
    assert_eq!(logs.tail(&attempt, 1).await.unwrap(), ["two three"]);
    assert_eq!(logs.location(&attempt).rsplit('/').next(), Some(&*format!("{}.log", attempt.token())));
}

#[tokio::test]
async fn whatever_fails_the_log_is_kept_and_read_whole() {
    let (faults, clean) = (faults(), faults().sdk());
    let logs = AttemptLogs::new(&faults.sdk(), Bucket::new(&clean).await.name);
    every_fault(&faults, async |case| {
        let attempt = fresh_attempt();
        faults.until_done(async || logs.write(&attempt, b"one\ntwo\n").await).await;
        assert_eq!(logs.read(&attempt, 0, 100).await.unwrap(), "one\ntwo\n", "{case}");
    })
    .await;
    let attempt = fresh_attempt();
    logs.write(&attempt, b"one\ntwo\n").await.unwrap();
    every_fault(&faults, async |case| {
        let tail = faults.until_done(async || logs.tail(&attempt, 5).await).await;
        assert_eq!(tail, ["one", "two"], "{case}");
    })
    .await;
}
