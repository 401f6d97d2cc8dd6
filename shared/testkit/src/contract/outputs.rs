//! The contract of [`Outputs`].

use std::collections::BTreeMap;
use std::sync::Arc;

use penstock_app::port::outputs::Outputs;

use super::attempt;

/// # Panics
/// If the adapter breaks the contract.
pub async fn outputs_contract(make: impl AsyncFn() -> Arc<dyn Outputs>) {
    let outputs = make().await;
    assert!(outputs.get(&attempt(1)).await.expect("reading nothing").is_empty());
    let first = variables(&[("CommitId", "c0ffee"), ("Message", "a \"quote\", a\nnewline, ü")]);
    outputs.put(&attempt(1), &first).await.expect("writing");
    assert_eq!(outputs.get(&attempt(1)).await.expect("reading"), first);
    outputs.put(&attempt(1), &first).await.expect("writing the same again");
    outputs.put(&attempt(1), &variables(&[("CommitId", "other")])).await.expect("writing another");
    assert_eq!(outputs.get(&attempt(1)).await.expect("reading"), first, "the first is kept");
    let anew = variables(&[("CommitId", "f00d")]);
    outputs.replace(&attempt(1), &anew).await.expect("writing anew");
    assert_eq!(outputs.get(&attempt(1)).await.expect("reading"), anew);
    assert!(outputs.get(&attempt(2)).await.expect("reading another attempt's").is_empty());
    let large = variables(&[("A", &"a".repeat(60_000)), ("B", &"ü".repeat(31_000))]);
    outputs.put(&attempt(2), &large).await.expect("writing as much as an action may");
    assert_eq!(outputs.get(&attempt(2)).await.expect("reading it"), large);
}

fn variables(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}
