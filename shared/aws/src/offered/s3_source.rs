//! Which object an S3 source action asks for.

use penstock_app::engine::state::{RevisionKind, RevisionOverride};
use penstock_model::pipeline::Action;

/// Which object is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The bucket.
    pub bucket: String,
    /// The key.
    pub key: String,
    /// The version; without it, the latest.
    pub version: Option<String>,
}

impl Place {
    /// What the action asks for, or the start in its place.
    ///
    /// # Errors
    /// What is wrong and what to write instead.
    pub fn of(action: &Action, wish: Option<&RevisionOverride>) -> Result<Self, String> {
        let value = |key: &str| {
            action.configuration.get(key).map(|value| value.trim()).filter(|value| !value.is_empty())
        };
        let bucket = value("S3Bucket").ok_or("`S3Bucket` is missing; name a versioned bucket")?.to_owned();
        let key = value("S3ObjectKey").ok_or("`S3ObjectKey` is missing; name the object")?.to_owned();
        let free =
            value("AllowOverrideForS3ObjectKey").is_some_and(|value| value.eq_ignore_ascii_case("true"));
        match wish.map(|wish| (&wish.kind, wish.value.clone())) {
            None => Ok(Self { bucket, key, version: None }),
            Some((RevisionKind::S3ObjectVersionId, version)) => Ok(Self { bucket, key, version: Some(version) }),
            Some((RevisionKind::S3ObjectKey, key)) if free => Ok(Self { bucket, key, version: None }),
            Some((RevisionKind::S3ObjectKey, _)) => Err(
                "the start asks for another object, which the action does not allow; set `AllowOverrideForS3ObjectKey` to true"
                    .to_owned(),
            ),
            Some((
                kind @ (RevisionKind::CommitId | RevisionKind::ImageDigest | RevisionKind::Other(_)),
                _,
            )) => Err(format!(
                "the start asks for a revision of type {}; of an S3 object it is S3_OBJECT_VERSION_ID or S3_OBJECT_KEY",
                kind.as_str().escape_debug()
            )),
        }
    }

    /// For people.
    pub fn uri(&self) -> String {
        format!("s3://{}/{}", self.bucket, self.key.escape_debug())
    }
}

/// What of an S3 source action cannot work, with the way out.
pub(super) fn refuse(action: &Action) -> Option<String> {
    Place::of(action, None).err()
}

#[cfg(test)]
mod tests {
    use penstock_model::pipeline::Category;
    use penstock_testkit::build::{action, name};

    use super::*;

    fn wish(kind: &str, value: &str) -> RevisionOverride {
        RevisionOverride { action: name("Source"), kind: kind.into(), value: value.to_owned() }
    }

    #[test]
    fn overrides_name_a_version_or_a_key() {
        let built =
            action("Source", Category::Source, "S3").set("S3Bucket", "b").set("S3ObjectKey", "app.zip");
        let closed = built.clone().build();
        let open = built.set("AllowOverrideForS3ObjectKey", "True").build();
        let version = Place::of(&closed, Some(&wish("S3_OBJECT_VERSION_ID", "v1"))).unwrap();
        assert_eq!((version.key.as_str(), version.version.as_deref()), ("app.zip", Some("v1")));
        assert!(Place::of(&closed, Some(&wish("S3_OBJECT_KEY", "x"))).unwrap_err().contains("AllowOverride"));
        assert_eq!(Place::of(&open, Some(&wish("S3_OBJECT_KEY", "x"))).unwrap().key, "x");
        assert!(Place::of(&open, Some(&wish("COMMIT_ID", "x"))).is_err());
    }

    #[test]
    fn what_is_missing_is_said() {
        assert!(refuse(&action("Source", Category::Source, "S3").build()).unwrap().contains("S3Bucket"));
        let no_key = action("Source", Category::Source, "S3").set("S3Bucket", "b").build();
        assert!(refuse(&no_key).unwrap().contains("S3ObjectKey"));
    }
}
