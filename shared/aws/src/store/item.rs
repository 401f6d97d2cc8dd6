//! Items as they are written and read: their schema number, attributes and size.

use std::collections::HashMap;
use std::fmt::Display;
use std::str::FromStr;

use aws_sdk_dynamodb::types::AttributeValue;
use penstock_app::engine::state::SCHEMA;
use penstock_app::port::{PortError, WRITTEN_BY_A_NEWER_RELEASE};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::body;
use super::key::Key;
use super::schema::{PK, SK};

/// An item as the SDK has it.
pub(crate) type Attributes = HashMap<String, AttributeValue>;

/// The largest item that the service takes, names included (DynamoDB developer guide, "Quotas").
pub(super) const MAX_ITEM: usize = 400 * 1024;

const NUMBER_OF_SCHEMA: &str = "schema";

/// An item in the making.
#[derive(Debug)]
pub(crate) struct Draft {
    key: Key,
    attributes: Attributes,
}

impl Draft {
    pub(crate) fn new(key: Key) -> Self {
        Self { attributes: key.clone().into_attributes(), key }.number(NUMBER_OF_SCHEMA, SCHEMA)
    }

    pub(crate) fn text(mut self, name: &str, value: impl Into<String>) -> Self {
        self.attributes.insert(name.to_owned(), AttributeValue::S(value.into()));
        self
    }

    pub(crate) fn number(mut self, name: &str, value: impl Display) -> Self {
        self.attributes.insert(name.to_owned(), AttributeValue::N(value.to_string()));
        self
    }

    /// With `content` as its large content.
    pub(crate) fn body<T: Serialize + ?Sized>(mut self, content: &T) -> Result<Self, PortError> {
        let (name, value) = body::encode(content)
            .map_err(|error| PortError::permanent(format!("encode the item {}: {error}", self.key)))?;
        self.attributes.insert(name.to_owned(), value);
        Ok(self)
    }

    /// The item, if the service takes one of its size.
    pub(crate) fn finish(self) -> Result<Attributes, PortError> {
        let size = size(&self.attributes);
        if size > MAX_ITEM {
            return Err(PortError::permanent(format!(
                "store the item {}: it has {size} bytes and DynamoDB takes {MAX_ITEM}; hand on large texts as artifacts instead of variables, or split the pipeline",
                self.key
            )));
        }
        Ok(self.attributes)
    }
}

/// An item's size as the service counts it: names and values.
pub(super) fn size(attributes: &Attributes) -> usize {
    let text = |value: &AttributeValue| value.as_s().or_else(|_| value.as_n()).map(String::len).ok();
    let bytes = |value: &AttributeValue| value.as_b().map_or(1, |bytes| bytes.as_ref().len());
    attributes.iter().map(|(name, value)| name.len() + text(value).unwrap_or_else(|| bytes(value))).sum()
}

/// An item that was read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stored<'a>(&'a Attributes);

impl<'a> Stored<'a> {
    /// # Errors
    /// Transient, if a newer release wrote the item: while an update of the stack is under way, others may be newer.
    pub(crate) fn new(attributes: &'a Attributes) -> Result<Self, PortError> {
        let stored = Self(attributes);
        let schema: u32 = stored.number(NUMBER_OF_SCHEMA)?;
        if schema > SCHEMA {
            return Err(PortError::transient(format!(
                "read the item {}: {WRITTEN_BY_A_NEWER_RELEASE} (schema {schema}, this release reads up to {SCHEMA}); update all functions to one release",
                stored.place()
            )));
        }
        Ok(stored)
    }

    /// An item of which only the key is read: that is the same in every release.
    pub(super) fn of_any_release(attributes: &'a Attributes) -> Self {
        Self(attributes)
    }

    pub(crate) fn pk(self) -> &'a str {
        self.find(PK).unwrap_or_default()
    }

    pub(crate) fn sk(self) -> &'a str {
        self.find(SK).unwrap_or_default()
    }

    pub(crate) fn find(self, name: &str) -> Option<&'a str> {
        self.0.get(name)?.as_s().ok().map(String::as_str)
    }

    pub(crate) fn text(self, name: &str) -> Result<&'a str, PortError> {
        self.find(name).ok_or_else(|| self.damaged(&format!("`{name}` is missing")))
    }

    /// A text that has a type of its own.
    pub(crate) fn parsed<T: FromStr<Err: Display>>(self, name: &str) -> Result<T, PortError> {
        self.text(name)?.parse().map_err(|error: T::Err| self.damaged(&error.to_string()))
    }

    pub(crate) fn number<T: FromStr>(self, name: &str) -> Result<T, PortError> {
        let text = self.0.get(name).and_then(|value| value.as_n().ok());
        let number = text.and_then(|text| text.parse().ok());
        number.ok_or_else(|| self.damaged(&format!("`{name}` is no number of its kind")))
    }

    pub(crate) fn body<T: DeserializeOwned>(self) -> Result<T, PortError> {
        body::decode(self.0).map_err(|error| self.damaged(&error))
    }

    /// The error of an item that this program cannot have written.
    pub(crate) fn damaged(self, why: &str) -> PortError {
        PortError::permanent(format!(
            "read the item {}: {why}; restore the item from the table's point-in-time recovery",
            self.place()
        ))
    }

    fn place(self) -> String {
        format!("{} / {}", self.pk(), self.sk())
    }
}

/// What was read of many items, without those that are damaged: each is told of, and the others are not kept from
/// whoever lists them. One that a newer release wrote is not left out: it is whole, and waited for.
pub(super) fn sound<T>(read: impl Iterator<Item = Result<T, PortError>>) -> Result<Vec<T>, PortError> {
    let told = |item: &Result<T, PortError>| match item {
        Err(error) if !error.retryable => {
            tracing::error!(%error, "a damaged item is left out");
            false
        }
        Ok(_) | Err(_) => true,
    };
    read.filter(told).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> Key {
        Key::pipeline(&"web".parse().unwrap())
    }

    #[test]
    fn an_item_of_a_newer_release_waits_for_the_update() {
        let item = Draft::new(key()).number(NUMBER_OF_SCHEMA, SCHEMA + 1).finish().unwrap();
        let error = Stored::new(&item).unwrap_err();
        assert!(error.retryable && error.message.contains("update all functions"), "{error}");
        assert!(Stored::new(&Draft::new(key()).finish().unwrap()).is_ok());
    }

    #[test]
    fn an_item_that_is_too_large_is_refused_with_the_way_out() {
        let error = Draft::new(key()).text("what", "x".repeat(MAX_ITEM)).finish().unwrap_err();
        assert!(!error.retryable && error.message.contains("artifacts"), "{error}");
    }

    #[test]
    fn a_damaged_item_says_which_and_what() {
        let item = Draft::new(key()).text("version", "one").finish().unwrap();
        let error = Stored::new(&item).unwrap().number::<u64>("version").unwrap_err();
        assert!(error.message.contains("PIPELINE#web / PIPELINE: `version`"), "{error}");
    }
}
