//! The contract of [`Secrets`].

use std::sync::Arc;

use penstock_app::port::secrets::Secrets;

/// `make` gives secrets among which are those with the given values, and their names; `by_installer` says that whoever
/// installs names them, so that one which is not there is a failure always.
///
/// # Panics
/// If the adapter breaks the contract.
pub async fn secrets_contract(
    make: impl AsyncFn(&[&str]) -> (Arc<dyn Secrets>, Vec<String>),
    by_installer: bool,
) {
    let values =
        ["hunter2", r#"{"current":"new","previous":"old"}"#, "drei\nZeilen für\nalle ", "*alias: [x"];
    let (secrets, names) = make(&values).await;
    assert_eq!(names.len(), values.len());
    for (name, value) in names.iter().zip(values) {
        assert_eq!(secrets.secret(name).await.expect("a secret"), value, "it is handed on whole");
        let if_any = secrets.secret_if_any(name).await.expect("a secret that is there");
        assert_eq!(if_any.as_deref(), Some(value));
    }
    let missing = secrets.secret("penstock-no-such-secret").await.expect_err("there is none");
    let if_any = secrets.secret_if_any("penstock-no-such-secret").await;
    assert_eq!(if_any, if by_installer { Err(missing.clone()) } else { Ok(None) });
    assert!(!missing.retryable, "it does not come by itself: {missing}");
    assert!(missing.message.contains("penstock-no-such-secret"), "it is named: {missing}");
    for value in values {
        assert!(!missing.message.contains(value), "no value is told with it: {missing}");
    }
}
