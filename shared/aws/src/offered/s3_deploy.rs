//! What an S3 deploy action's configuration says.

use std::collections::BTreeMap;

use penstock_app::engine::timing::time_limit;
use penstock_app::port::provider::Work;
use penstock_model::pipeline::Action;
use penstock_model::time::Timestamp;

/// The canned ACLs of S3 (S3 API reference, `PutObject`, `x-amz-acl`).
const CANNED_ACLS: [&str; 7] = [
    "private",
    "public-read",
    "public-read-write",
    "authenticated-read",
    "aws-exec-read",
    "bucket-owner-read",
    "bucket-owner-full-control",
];
/// The longest key of an object, in bytes.
const MAX_KEY: usize = 1024;

/// The configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The bucket.
    pub bucket: String,
    /// Whether the artifact's files are put one by one.
    pub extract: bool,
    /// The key of the object, or the folder of the files; empty: none. `{datetime}` and `{uuid}` still stand in it.
    pub key: String,
    /// The key that encrypts.
    pub kms_key: Option<String>,
    /// Who may read.
    pub acl: Option<String>,
    /// How long caches keep it.
    pub cache_control: Option<String>,
}

impl Settings {
    /// Reads an action whose variables are resolved.
    ///
    /// # Errors
    /// What is wrong and what to write instead.
    pub fn of(action: &Action) -> Result<Self, String> {
        let value = |key: &str| value(&action.configuration, key);
        let bucket = value("BucketName").ok_or("`BucketName` is missing; name the bucket")?;
        let extract = match value("Extract").as_deref().map(str::to_ascii_lowercase).as_deref() {
            Some("true") => true,
            Some("false") => false,
            Some(_) | None => {
                return Err(
                    "`Extract` must be `true`, to put the artifact's files, or `false`, to put the zip"
                        .to_owned(),
                );
            }
        };
        let key = value("ObjectKey").unwrap_or_default();
        if key.is_empty() && !extract {
            return Err("`ObjectKey` is missing; with `Extract` false it names the object".to_owned());
        }
        let acl = value("CannedACL");
        if let Some(acl) = acl.as_deref().filter(|acl| !CANNED_ACLS.contains(acl)) {
            return Err(format!(
                "`CannedACL` cannot be `{}`; it is one of {}",
                acl.escape_debug(),
                CANNED_ACLS.join(", ")
            ));
        }
        if action.input_artifacts.is_empty() {
            return Err("the action has no input artifact; name one in `inputArtifacts`".to_owned());
        }
        Ok(Self {
            bucket,
            extract,
            key,
            kms_key: value("KMSEncryptionKeyARN"),
            acl,
            cache_control: value("CacheControl"),
        })
    }

    /// The key with its placeholders filled in: alike in every repetition of `work`.
    ///
    /// # Errors
    /// If it is too long for S3.
    pub fn key_of(&self, work: &Work) -> Result<String, String> {
        let key = expand(&self.key, &work.attempt.token(), scheduled_at(work));
        let key = key.trim_start_matches('/').to_owned();
        if key.len() > MAX_KEY {
            return Err(format!("`ObjectKey` has {} bytes; at most {MAX_KEY} are allowed", key.len()));
        }
        Ok(key)
    }
}

fn value(configuration: &BTreeMap<String, String>, key: &str) -> Option<String> {
    configuration.get(key).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
}

/// When the attempt was scheduled: unlike the present, a repetition finds the same.
fn scheduled_at(work: &Work) -> Timestamp {
    let limit = i64::try_from(time_limit(&work.action, &BTreeMap::new()).as_millis()).unwrap_or(0);
    Timestamp(work.deadline.0.saturating_sub(limit))
}

/// `{datetime}` (UTC, `2026-01-31_23-59-59`) and `{uuid}` (of the attempt).
fn expand(key: &str, token: &str, moment: Timestamp) -> String {
    let moment = moment.to_string();
    let date = moment.get(..19).unwrap_or(&moment).replace('T', "_").replace(':', "-");
    let digits = token.trim_start_matches("p-");
    let parts = [(0, 8), (8, 12), (12, 16), (16, 20), (20, 32)]
        .map(|(from, to)| digits.get(from..to).unwrap_or_default());
    key.replace("{datetime}", &date).replace("{uuid}", &parts.join("-"))
}

/// What of an S3 deploy action cannot work, with the way out. Values that are known only when the action starts are
/// looked at then.
pub(super) fn refuse(action: &Action) -> Option<String> {
    if action.configuration.values().any(|value| value.contains("#{")) {
        return None;
    }
    Settings::of(action).err()
}

#[cfg(test)]
mod tests {
    use penstock_model::pipeline::Category;
    use penstock_testkit::build::action;

    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<Settings, String> {
        let built = pairs
            .iter()
            .fold(action("Publish", Category::Deploy, "S3").consumes("Site"), |built, (key, value)| {
                built.set(key, value)
            });
        Settings::of(&built.build())
    }

    #[test]
    fn what_cannot_work_is_said() {
        for (pairs, said) in [
            (&[][..], "BucketName"),
            (&[("BucketName", "b")], "Extract"),
            (&[("BucketName", "b"), ("Extract", "yes")], "Extract"),
            (&[("BucketName", "b"), ("Extract", "false")], "ObjectKey"),
            (&[("BucketName", "b"), ("Extract", "True"), ("CannedACL", "public")], "CannedACL"),
        ] {
            let refusal = read(pairs).unwrap_err();
            assert!(refusal.contains(said), "{refusal}");
        }
        assert!(read(&[("BucketName", "b"), ("Extract", "TRUE")]).unwrap().extract);
    }

    #[test]
    fn placeholders_are_filled_in() {
        let token = "p-0123456789abcdef0123456789abcdef01234567";
        let key = expand("r/{datetime}/{uuid}.zip", token, Timestamp(1_700_000_000_123));
        assert_eq!(key, "r/2023-11-14_22-13-20/01234567-89ab-cdef-0123-456789abcdef.zip");
    }
}
