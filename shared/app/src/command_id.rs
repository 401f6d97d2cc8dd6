//! Ids of commands: those that follow from what a command is about, and fresh ones where nothing says that two are the same.

use std::hash::{BuildHasher, Hasher, RandomState};

use penstock_model::id::CommandId;
use sha2::{Digest, Sha256};

use crate::port::PortError;
use crate::port::clock::Clock;

/// The id of the command `what` that follows from `key` alone: the same key gives the same command again.
pub(crate) fn command_from(what: &str, key: &str) -> Result<CommandId, PortError> {
    let id = format!("{what}-{}", &hex::encode(Sha256::digest(key))[..40]);
    CommandId::new(&id).map_err(|error| PortError::permanent(error.to_string()))
}

/// An id of the command `what` that no other command has.
pub(crate) fn fresh_command(what: &str, clock: &dyn Clock) -> Result<CommandId, PortError> {
    let mut key = format!("{what} {} {}", clock.now().0, std::process::id());
    for _ in 0..2 {
        // Each `RandomState` carries keys that the operating system seeded for this process.
        key.push_str(&format!(" {:016x}", RandomState::new().build_hasher().finish()));
    }
    command_from(what, &key)
}

#[cfg(test)]
mod tests {
    use penstock_model::time::Timestamp;

    use super::*;

    struct Noon;

    impl Clock for Noon {
        fn now(&self) -> Timestamp {
            Timestamp(1_700_000_000_000)
        }
    }

    #[test]
    fn fresh_ids_differ_and_derived_ones_agree() {
        assert_ne!(fresh_command("start", &Noon).unwrap(), fresh_command("start", &Noon).unwrap());
        assert_eq!(command_from("start", "a b").unwrap(), command_from("start", "a b").unwrap());
    }
}
