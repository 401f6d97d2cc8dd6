//! The contract of [`Walks`].

use std::sync::Arc;

use penstock_app::port::clean_up::{Walk, Walks};
use penstock_model::time::Timestamp;

/// `places` are some at which a page of the adapter's objects may begin; none where all are on one page, and a walk is over
/// as soon as it is remembered.
///
/// # Panics
/// If the adapter breaks the contract.
pub async fn walks_contract(make: impl AsyncFn() -> Arc<dyn Walks>, places: &[&str]) {
    let walks = make().await;
    assert_eq!(walks.latest().await.expect("the latest before the first"), None);
    let began_at = Timestamp(1_700_000_000_000);
    for next in places.iter().copied().map(Some).chain([None]) {
        let walk = Walk { began_at, next: next.map(str::to_owned) };
        for time in ["remembering", "remembering again"] {
            walks.remember(&walk).await.expect(time);
            assert_eq!(walks.latest().await.expect("the latest"), Some(walk.clone()), "{time}");
        }
    }
    let later =
        Walk { began_at: Timestamp(began_at.0 + 1), next: places.first().map(|place| (*place).to_owned()) };
    walks.remember(&later).await.expect("remembering the next walk");
    assert_eq!(walks.latest().await.expect("the latest"), Some(later), "in place of the one before");
}
