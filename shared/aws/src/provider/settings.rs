//! The settings of an action, read once their references have values.

use penstock_app::port::provider::Work;
use penstock_model::artifact::Artifact;

use super::failure::Failure;

/// A setting that must be there.
pub(crate) fn required<'a>(work: &'a Work, key: &str) -> Result<&'a str, Failure> {
    optional(work, key).ok_or_else(|| {
        Failure::configuration(format!("`{key}` is empty; set it in the action's configuration"))
    })
}

/// A setting that may be there.
pub(crate) fn optional<'a>(work: &'a Work, key: &str) -> Option<&'a str> {
    work.action.configuration.get(key).map(String::as_str).filter(|value| !value.is_empty())
}

/// The only input artifact.
pub(crate) fn only_input(work: &Work) -> Result<&Artifact, Failure> {
    work.inputs.first().ok_or_else(|| {
        Failure::configuration(format!("the action `{}` needs an input artifact; add one", work.action.name))
    })
}
