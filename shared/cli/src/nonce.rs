//! Random values: secrets and delivery ids.

use anyhow::anyhow;

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

/// A random UUID (version 4).
pub(crate) fn uuid() -> anyhow::Result<String> {
    let mut bytes = bytes::<16>()?;
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex = hex::encode(bytes);
    Ok(format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]))
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
