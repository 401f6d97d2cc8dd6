//! References to variables, `#{namespace.key}`, in the texts of a definition, and the limits on their values.
//!
//! Source: `CodePipeline` user guide, "Variables reference" and "Quotas".

/// The namespace of a pipeline's own variables.
pub const PIPELINE_NAMESPACE: &str = "variables";
/// The namespace of what the service itself provides.
pub const SERVICE_NAMESPACE: &str = "codepipeline";
/// The keys of [`SERVICE_NAMESPACE`].
pub const SERVICE_KEYS: [&str; 1] = ["PipelineExecutionId"];
/// The most bytes that one action's output variables may have together (`CodePipeline` quotas: 122,880 bytes).
pub const MAX_OUTPUT_BYTES: usize = 122_880;
/// The most bytes of an action's configuration once its references are resolved (`CodePipeline` quotas: 100 KB).
pub const MAX_CONFIGURATION_BYTES: usize = 100 * 1024;
/// The most pipeline variables (API model, `PipelineVariableDeclarationList`).
pub const MAX_PIPELINE_VARIABLES: usize = 50;
/// The longest value of a pipeline variable in characters (API model, `PipelineVariableValue`).
pub const MAX_VALUE_CHARS: usize = 1000;

/// A piece of a text with references.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Segment<'a> {
    /// Text to keep as it is.
    Text(&'a str),
    /// A variable whose value stands here.
    Reference(Reference<'a>),
}

/// `#{namespace.key}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reference<'a> {
    /// The producer's namespace, or `variables` or `codepipeline`.
    pub namespace: &'a str,
    /// The variable.
    pub key: &'a str,
}

/// Text that starts like a reference and is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` is no reference to a variable; write #{{namespace.key}}, each of the letters, digits and @ - _"
)]
pub struct Malformed {
    /// The faulty piece, at most 60 characters.
    pub text: String,
}

/// Why a text could not be resolved.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unresolved {
    /// No value is known.
    #[error(
        "the variable #{{{namespace}.{key}}} has no value: the action with that namespace did not run or did not export `{key}`"
    )]
    Missing {
        /// The namespace that was asked for.
        namespace: String,
        /// The key that was asked for.
        key: String,
    },
    /// The reference has the wrong form.
    #[error(transparent)]
    Malformed(#[from] Malformed),
}

/// Splits `text` at its references.
///
/// # Errors
/// [`Malformed`] at the first `#{` that is not followed by `namespace.key}`.
pub fn segments(text: &str) -> Result<Vec<Segment<'_>>, Malformed> {
    let mut segments = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find("#{") {
        if start > 0 {
            segments.push(Segment::Text(&rest[..start]));
        }
        let (reference, length) = reference(&rest[start..])?;
        segments.push(Segment::Reference(reference));
        rest = &rest[start + length..];
    }
    if !rest.is_empty() {
        segments.push(Segment::Text(rest));
    }
    Ok(segments)
}

/// The reference at the start of `text`, with its length.
fn reference(text: &str) -> Result<(Reference<'_>, usize), Malformed> {
    let malformed = || Malformed { text: text.chars().take(60).filter(|c| !c.is_control()).collect() };
    let end = text.find('}').ok_or_else(malformed)?;
    let (namespace, key) = text[2..end].split_once('.').ok_or_else(malformed)?;
    let named =
        |name: &str| !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "@-_".contains(c));
    if named(namespace) && named(key) {
        return Ok((Reference { namespace, key }, end + 1));
    }
    Err(Malformed { text: text[..=end].chars().take(60).filter(|c| !c.is_control()).collect() })
}

/// `text` with each reference replaced by what `lookup` finds. Values are inserted as they are, never read again.
///
/// # Errors
/// [`Unresolved`] at the first reference that is malformed or has no value.
pub fn resolve(
    text: &str,
    mut lookup: impl FnMut(Reference<'_>) -> Option<String>,
) -> Result<String, Unresolved> {
    let mut resolved = String::with_capacity(text.len());
    for segment in segments(text)? {
        match segment {
            Segment::Text(text) => resolved.push_str(text),
            Segment::Reference(reference) => {
                resolved.push_str(&lookup(reference).ok_or_else(|| missing(reference))?);
            }
        }
    }
    Ok(resolved)
}

fn missing(reference: Reference<'_>) -> Unresolved {
    Unresolved::Missing { namespace: reference.namespace.into(), key: reference.key.into() }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The references of a text, `namespace.key` each.
    fn references(text: &str) -> Vec<String> {
        let reference = |segment: &Segment<'_>| match segment {
            Segment::Text(_) => None,
            Segment::Reference(reference) => Some(format!("{}.{}", reference.namespace, reference.key)),
        };
        segments(text).unwrap().iter().filter_map(reference).collect()
    }

    #[test]
    fn references_are_found() {
        let table: [(&str, &[&str]); 7] = [
            ("", &[]),
            ("plain # { } text", &[]),
            ("#{a.b}", &["a.b"]),
            ("x#{a.b}#{c@d.e-f_1}y", &["a.b", "c@d.e-f_1"]),
            ("##{a.b}", &["a.b"]),
            ("${a.b}", &[]),
            ("é#{a.b}ü", &["a.b"]),
        ];
        for (text, expected) in table {
            assert_eq!(references(text), expected, "{text}");
        }
    }

    #[test]
    fn what_only_starts_like_a_reference_is_named() {
        let table = [
            ("a #{b", "#{b"),
            ("#{}", "#{}"),
            ("#{a}", "#{a}"),
            ("#{a.}", "#{a.}"),
            ("#{.b}", "#{.b}"),
            ("#{a.b.c} x", "#{a.b.c}"),
            ("#{a b.c}", "#{a b.c}"),
            ("#{a.#{b.c}}", "#{a.#{b.c}"),
        ];
        for (text, faulty) in table {
            let malformed = segments(text).unwrap_err();
            assert!(malformed.text.starts_with(faulty), "{text}: {malformed}");
        }
    }

    #[test]
    fn values_are_inserted_and_not_read_again() {
        let lookup = |reference: Reference<'_>| match (reference.namespace, reference.key) {
            ("a", "b") => Some("#{c.d}".to_owned()),
            ("a", "empty") => Some(String::new()),
            _ => None,
        };
        assert_eq!(resolve("<#{a.b}|#{a.empty}>", lookup).unwrap(), "<#{c.d}|>");
        assert_eq!(
            resolve("#{c.d}", lookup),
            Err(Unresolved::Missing { namespace: "c".into(), key: "d".into() })
        );
        assert!(resolve("#{c.d}", lookup).unwrap_err().to_string().contains("#{c.d}"));
        assert!(matches!(resolve("#{c", lookup), Err(Unresolved::Malformed(_))));
    }

    proptest! {
        #[test]
        fn segments_make_up_the_text(text in "[a.#{}@ é-]{0,40}") {
            if let Ok(segments) = segments(&text) {
                let whole: String = segments.iter().map(|segment| match segment {
                    Segment::Text(text) => (*text).to_owned(),
                    Segment::Reference(Reference { namespace, key }) => format!("#{{{namespace}.{key}}}"),
                }).collect();
                prop_assert_eq!(whole, text);
            }
        }
    }
}
