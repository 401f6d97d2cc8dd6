//! Random values: secrets and delivery ids.

use anyhow::anyhow;
#[cfg(feature = "aws")]
use penstock_app::port::approvers::Generation;
use penstock_model::id;

/// `N` random bytes.
fn bytes<const N: usize>() -> anyhow::Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| anyhow!("no random numbers to be had: {error}"))?;
    Ok(bytes)
}

/// A secret of 64 hex digits.
pub(crate) fn secret() -> anyhow::Result<String> {
    Ok(hex::encode(bytes::<32>()?))
}

/// What tells an approver from an earlier one of the same name.
#[cfg(feature = "aws")]
pub(crate) fn generation() -> anyhow::Result<Generation> {
    Ok(Generation::new(&hex::encode(bytes::<8>()?))?)
}

/// A random UUID (version 4).
pub(crate) fn uuid() -> anyhow::Result<String> {
    Ok(id::uuid(bytes()?, 4))
}

#[cfg(test)]
mod tests {
    use penstock_model::id::ExecutionId;

    #[test]
    fn uuids_have_their_form_and_differ() {
        let (one, other) = (super::uuid().unwrap(), super::uuid().unwrap());
        assert!(ExecutionId::new(&one).is_ok());
        assert_ne!(one, other);
    }
}
