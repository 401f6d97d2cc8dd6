//! The rights that artifacts take which are encrypted with a KMS key of their store's.
//!
//! KMS developer guide, "Amazon S3 and KMS": an object is read by `kms:Decrypt` and written by `kms:GenerateDataKey`; one
//! that is written in parts is read on the way.

use super::needs::Need;

/// What is lost where a role that writes may not read.
const PARTS: &str = "an artifact that is large enough to be stored in parts is refused";

/// The ARN of the key that a store names by an id alone; whatever else it names it by stays as it is.
pub(super) fn arn(key: &str, partition: &str, region: &str, account: &str) -> String {
    if key.contains(':') || key.starts_with("alias/") {
        return key.to_owned();
    }
    format!("arn:{partition}:kms:{region}:{account}:key/{key}")
}

/// What reading and writing under `key` takes. An alias is no resource of which rights are told.
pub(super) fn needs(key: Option<&str>, reads: bool, writes: bool) -> Vec<Need> {
    let Some(key) = key.filter(|key| key.contains(":key/")) else { return vec![] };
    let read = reads.then(|| Need::new(&["kms:Decrypt"], key));
    let write = writes.then(|| Need::new(&["kms:GenerateDataKey"], key));
    let parts = (writes && !reads).then(|| Need::useful(&["kms:Decrypt"], key, PARTS));
    [read, write, parts].into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "arn:aws:kms:eu-west-1:111122223333:key/1";

    fn calls(reads: bool, writes: bool) -> Vec<(&'static str, bool)> {
        let needs = needs(Some(KEY), reads, writes).into_iter();
        needs.map(|need| (need.actions[0], need.without.is_none())).collect()
    }

    #[test]
    fn what_is_read_is_decrypted_and_what_is_written_has_a_key_made() {
        assert_eq!(calls(true, false), [("kms:Decrypt", true)]);
        assert_eq!(calls(true, true), [("kms:Decrypt", true), ("kms:GenerateDataKey", true)]);
        assert_eq!(calls(false, true), [("kms:GenerateDataKey", true), ("kms:Decrypt", false)]);
    }

    #[test]
    fn an_id_alone_is_of_a_key_of_the_account() {
        assert_eq!(arn("1", "aws", "eu-west-1", "111122223333"), KEY);
        for key in [KEY, "alias/artifacts", "arn:aws:kms:eu-west-1:111122223333:alias/artifacts"] {
            assert_eq!(arn(key, "aws", "eu-west-1", "111122223333"), key);
        }
    }

    #[test]
    fn aliases_and_none_are_not_asked_about() {
        let alias = "arn:aws:kms:eu-west-1:111122223333:alias/artifacts";
        assert_eq!((needs(Some(alias), true, true), needs(None, true, true)), (vec![], vec![]));
    }
}
