//! The contract of [`Logs`].

use std::sync::Arc;

use penstock_app::port::logs::Logs;
use penstock_model::id::AttemptId;

use super::attempt;

/// `make` gives the logs in which the given attempt has written the given bytes.
///
/// # Panics
/// If the adapter breaks the contract.
pub async fn logs_contract(make: impl AsyncFn(AttemptId, Vec<u8>) -> Arc<dyn Logs>) {
    let logs = make(attempt(1), b"one\ntwo\nthree\n".to_vec()).await;
    assert_eq!(logs.read(&attempt(1), 0, 5).await.expect("reading"), "one\nt");
    assert_eq!(logs.read(&attempt(1), 8, 100).await.expect("reading"), "three\n");
    assert_eq!(logs.read(&attempt(1), 14, 100).await.expect("reading at the end"), "");
    assert_eq!(logs.read(&attempt(1), 99, 100).await.expect("reading beyond the end"), "");
    assert_eq!(logs.read(&attempt(2), 0, 100).await.expect("reading a log that is not there"), "");
    assert_eq!(logs.tail(&attempt(1), 2).await.expect("the tail"), ["two", "three"]);
    assert_eq!(logs.tail(&attempt(1), 9).await.expect("the tail"), ["one", "two", "three"]);
    assert!(logs.tail(&attempt(2), 9).await.expect("the tail of nothing").is_empty());
    assert_ne!(logs.location(&attempt(1)), logs.location(&attempt(2)));
    large_and_broken(make).await;
}

async fn large_and_broken(make: impl AsyncFn(AttemptId, Vec<u8>) -> Arc<dyn Logs>) {
    let mut bytes = vec![b'x'; 200 * 1024];
    bytes.extend(b"\nbroken \xff\xfe text\nlast line without an end");
    let logs = make(attempt(1), bytes).await;
    let tail = logs.tail(&attempt(1), 3).await.expect("the tail of a large log");
    assert_eq!(tail.last().map(String::as_str), Some("last line without an end"));
    assert!(tail.iter().map(String::len).sum::<usize>() <= 3 * 64 * 1024, "a tail is at most 64 KiB");
    assert!(tail[tail.len() - 2].starts_with("broken "), "invalid UTF-8 is survived");
}
