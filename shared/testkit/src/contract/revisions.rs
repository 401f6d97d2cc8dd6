//! The contract of [`Revisions`].

use std::sync::Arc;

use penstock_app::port::revisions::Revisions;

use super::attempt;

/// # Panics
/// If the adapter breaks the contract.
pub async fn revisions_contract(make: impl AsyncFn() -> Arc<dyn Revisions>) {
    let revisions = make().await;
    let keep_to = async |number, revision: &str| {
        revisions.keep_to(&attempt(number), revision).await.expect("keeping to a revision")
    };
    assert_eq!(keep_to(1, "6113728f27ae82c7b1a177c8d03f9e96e0adf246").await.len(), 40);
    let again = keep_to(1, "other").await;
    assert_eq!(again, "6113728f27ae82c7b1a177c8d03f9e96e0adf246", "the first counts");
    assert_eq!(keep_to(2, "other").await, "other", "another attempt may keep to another");
    // S3's version ids may have dots, dashes and underscores.
    assert_eq!(
        keep_to(3, "3sL4kqtJlcpXroDTDm_.rmSpXd3dIbrHY+MTRCxf3vjVBH40Nr8X8gdRQBpUMLUo").await.len(),
        64
    );
}
