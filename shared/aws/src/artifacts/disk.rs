//! What a failure of this machine's disk means.

use std::io::{Error, ErrorKind};

use penstock_app::port::PortError;

/// `what` completes "failed to ...". A disk that is full is as full when it is tried again.
pub(crate) fn failed(what: &str, error: &Error) -> PortError {
    if !is_full(error) {
        return PortError::transient(format!("{what}: {error}"));
    }
    PortError::permanent(format!(
        "{what}: {error}; the artifact and what it extracts to have to fit in the function's temporary disk, 10 GiB at most (EphemeralStorage): make it smaller or split it"
    ))
}

/// Whether what was to be written does not fit.
pub(crate) fn is_full(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_not_tried_again() {
        let full = failed("write", &ErrorKind::StorageFull.into());
        assert!(!full.retryable && full.message.contains("10 GiB"), "{full}");
        assert!(failed("write", &ErrorKind::Interrupted.into()).retryable);
    }
}
