//! Open sets of words: those that rules and faces know are variants, others are kept as they came.

/// An enum that is serialised as its word.
macro_rules! open_set {
    ($(#[$about:meta])* $name:ident { $($(#[$says:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$about])*
        #[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
        #[serde(from = "String", into = "String")]
        pub enum $name {
            $($(#[$says])* $variant,)+
            /// Another one, never a word that a variant has.
            Other(String),
        }

        impl $name {
            /// The word, as it is serialised.
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => $word,)+
                    Self::Other(word) => word,
                }
            }
        }

        impl From<&str> for $name {
            fn from(word: &str) -> Self {
                match word {
                    $($word => Self::$variant,)+
                    other => Self::Other(other.to_owned()),
                }
            }
        }

        impl From<String> for $name {
            fn from(word: String) -> Self {
                Self::from(word.as_str())
            }
        }

        impl From<$name> for String {
            fn from(known: $name) -> Self {
                known.as_str().to_owned()
            }
        }

        impl PartialEq<&str> for $name {
            fn eq(&self, word: &&str) -> bool {
                self.as_str() == *word
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

pub(crate) use open_set;

#[cfg(test)]
mod tests {
    use crate::state::{ErrorCode, RevisionKind, TriggerKind};

    #[test]
    fn words_are_read_and_written_as_they_are() {
        let read: Vec<ErrorCode> = serde_json::from_str(r#"["JobFailed","OutOfPaint"]"#).unwrap();
        assert_eq!(read, [ErrorCode::JobFailed, ErrorCode::Other("OutOfPaint".to_owned())]);
        assert_eq!(serde_json::to_string(&read).unwrap(), r#"["JobFailed","OutOfPaint"]"#);
        assert_eq!(
            serde_json::to_string(&TriggerKind::PollForSourceChanges).unwrap(),
            r#""PollForSourceChanges""#
        );
        for word in ["COMMIT_ID", "IMAGE_DIGEST", "S3_OBJECT_VERSION_ID", "S3_OBJECT_KEY"] {
            let read = RevisionKind::from(word);
            assert!(!matches!(read, RevisionKind::Other(_)), "{word}");
            assert_eq!(read.to_string(), word);
        }
    }
}
