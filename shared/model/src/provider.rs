//! The action providers that `CodePipeline` knows: their artifacts, configuration keys and output variables.
//!
//! Source: `CodePipeline` user guide, "Action structure reference" and "Number of input and output artifacts for
//! each action type"; the API model's `ActionTypeId`.

use std::ops::RangeInclusive;

use crate::pipeline::{Category, Owner};

mod catalogue;
pub mod codebuild;

/// What is known of a provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provider {
    /// The categories in which it can stand.
    pub categories: &'static [Category],
    /// Its owner.
    pub owner: Owner,
    /// Its name.
    pub name: &'static str,
    /// How many artifacts it may consume.
    pub inputs: RangeInclusive<usize>,
    /// How many artifacts it may produce.
    pub outputs: RangeInclusive<usize>,
    /// Configuration keys without which it cannot run.
    pub required: &'static [&'static str],
    /// The other configuration keys.
    pub optional: &'static [&'static str],
    /// The keys of its output variables, where they are fixed.
    pub variables: Option<&'static [&'static str]>,
    /// Whether `CodePipeline` offers it only in pipelines of type V2.
    pub v2_only: bool,
}

impl Provider {
    /// Whether `key` is one of its configuration keys; anything goes where none is listed, and at custom actions,
    /// whose keys their makers choose.
    pub fn takes(&self, key: &str) -> bool {
        let open = match self.owner {
            Owner::Aws => false,
            Owner::ThirdParty => self.required.is_empty() && self.optional.is_empty(),
            Owner::Custom => true,
        };
        open || self.keys().any(|known| known == key)
    }

    /// All its configuration keys.
    pub fn keys(&self) -> impl Iterator<Item = &'static str> + use<> {
        self.required.iter().chain(self.optional).copied()
    }
}

/// The provider with this category, owner and name; `Custom` ones other than Jenkins are not listed.
pub fn find(category: Category, owner: Owner, name: &str) -> Option<&'static Provider> {
    named(name).find(|provider| provider.owner == owner && provider.categories.contains(&category))
}

/// Every provider called `name`.
pub fn named(name: &str) -> impl Iterator<Item = &'static Provider> {
    all().iter().filter(move |provider| provider.name == name)
}

/// Every known provider.
pub fn all() -> &'static [Provider] {
    catalogue::PROVIDERS
}

/// The name of a category as it is written in a definition.
pub fn category_name(category: Category) -> &'static str {
    match category {
        Category::Source => "Source",
        Category::Build => "Build",
        Category::Test => "Test",
        Category::Deploy => "Deploy",
        Category::Invoke => "Invoke",
        Category::Approval => "Approval",
        Category::Compute => "Compute",
    }
}

/// The name of an owner as it is written in a definition.
pub fn owner_name(owner: Owner) -> &'static str {
    match owner {
        Owner::Aws => "AWS",
        Owner::ThirdParty => "ThirdParty",
        Owner::Custom => "Custom",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_provider_is_found_by_category_and_owner() {
        assert_eq!(find(Category::Test, Owner::Aws, "CodeBuild").map(|p| p.inputs.clone()), Some(1..=5));
        assert_eq!(find(Category::Deploy, Owner::Aws, "Lambda").map(|p| p.inputs.clone()), Some(0..=1));
        assert_eq!(find(Category::Invoke, Owner::Aws, "Lambda").map(|p| p.inputs.clone()), Some(0..=5));
        assert_eq!(find(Category::Source, Owner::Aws, "GitHub"), None);
    }

    #[test]
    fn no_provider_is_listed_twice() {
        for (index, one) in all().iter().enumerate() {
            for other in &all()[index + 1..] {
                let same = one.name == other.name
                    && one.owner == other.owner
                    && one.categories.iter().any(|category| other.categories.contains(category));
                assert!(!same, "{} is listed twice", one.name);
            }
        }
    }

    #[test]
    fn keys_are_as_short_as_the_service_demands() {
        for provider in all() {
            assert!(provider.keys().all(|key| key.len() <= 50), "{}", provider.name);
        }
    }
}
