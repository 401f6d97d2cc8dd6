//! Members of a request: present, of the right kind, within the model's limits, or a `ValidationException` that says which.

use std::str::FromStr;

use penstock_model::id::InvalidId;
use serde_json::{Map, Value};

use super::error::ApiError;

/// The members of a structure in a request. Null is as good as absent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Input<'a> {
    members: &'a Map<String, Value>,
}

impl<'a> Input<'a> {
    /// The structure `value`, which stands at `path` in the request.
    pub(crate) fn of(value: &'a Value, path: &str) -> Result<Self, ApiError> {
        let members = value.as_object().ok_or_else(|| wrong_kind(path, "a structure"))?;
        Ok(Self { members })
    }

    /// The member called `name`.
    pub(crate) fn member(self, name: &str) -> Option<&'a Value> {
        self.members.get(name).filter(|value| !value.is_null())
    }

    /// A required structure, list or scalar.
    pub(crate) fn required(self, name: &str) -> Result<&'a Value, ApiError> {
        self.member(name).ok_or_else(|| missing(name))
    }

    /// A text.
    pub(crate) fn text(self, name: &str) -> Result<Option<&'a str>, ApiError> {
        self.member(name).map(|value| value.as_str().ok_or_else(|| wrong_kind(name, "a string"))).transpose()
    }

    /// A text that must be there.
    pub(crate) fn required_text(self, name: &str) -> Result<&'a str, ApiError> {
        self.text(name)?.ok_or_else(|| missing(name))
    }

    /// A text of at most `max` characters.
    pub(crate) fn text_within(self, name: &str, max: usize) -> Result<Option<&'a str>, ApiError> {
        match self.text(name)? {
            Some(text) if text.chars().count() > max => {
                Err(ApiError::validation(format!("`{name}` has more than {max} characters; shorten it")))
            }
            found => Ok(found),
        }
    }

    /// A name or id that must be there.
    pub(crate) fn id<T: FromStr<Err = InvalidId>>(self, name: &str) -> Result<T, ApiError> {
        self.required_text(name)?
            .parse()
            .map_err(|error: InvalidId| ApiError::validation(format!("`{name}`: {error}")))
    }

    /// A name or id.
    pub(crate) fn optional_id<T: FromStr<Err = InvalidId>>(self, name: &str) -> Result<Option<T>, ApiError> {
        self.member(name).map(|_| self.id(name)).transpose()
    }

    /// A whole number from 1 to `max`.
    pub(crate) fn count(self, name: &str, max: u32) -> Result<Option<u32>, ApiError> {
        let Some(value) = self.member(name) else {
            return Ok(None);
        };
        let number = value.as_i64().ok_or_else(|| wrong_kind(name, "a whole number"))?;
        match u32::try_from(number) {
            Ok(number) if (1..=max).contains(&number) => Ok(Some(number)),
            Ok(_) | Err(_) => {
                Err(ApiError::validation(format!("`{name}` is {number}; it must be from 1 to {max}")))
            }
        }
    }

    /// A boolean, false if absent.
    pub(crate) fn flag(self, name: &str) -> Result<bool, ApiError> {
        self.member(name)
            .map_or(Ok(false), |value| value.as_bool().ok_or_else(|| wrong_kind(name, "a boolean")))
    }

    /// The structures in a list, none if it is absent.
    pub(crate) fn structures(self, name: &str) -> Result<Vec<Input<'a>>, ApiError> {
        let Some(value) = self.member(name) else {
            return Ok(Vec::new());
        };
        let items = value.as_array().ok_or_else(|| wrong_kind(name, "a list"))?;
        items.iter().enumerate().map(|(index, item)| Input::of(item, &format!("{name}[{index}]"))).collect()
    }

    /// A structure.
    pub(crate) fn structure(self, name: &str) -> Result<Option<Input<'a>>, ApiError> {
        self.member(name).map(|value| Input::of(value, name)).transpose()
    }

    /// One of a closed set of texts.
    pub(crate) fn one_of<T: Clone>(self, name: &str, choices: &[(&str, T)]) -> Result<T, ApiError> {
        let text = self.required_text(name)?;
        choices.iter().find(|(choice, _)| *choice == text).map(|(_, value)| value.clone()).ok_or_else(|| {
            let known: Vec<&str> = choices.iter().map(|(choice, _)| *choice).collect();
            ApiError::validation(format!("`{name}` must be one of {}", known.join(", ")))
        })
    }
}

fn missing(name: &str) -> ApiError {
    ApiError::validation(format!("`{name}` is required; add it"))
}

fn wrong_kind(name: &str, kind: &str) -> ApiError {
    ApiError::serialization(format!("`{name}` must be {kind}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn limits_are_those_of_the_model() {
        let value = json!({"maxResults": 101, "reason": "x".repeat(301), "flag": 1, "zero": 0});
        let input = Input::of(&value, "").unwrap();
        assert_eq!(input.count("maxResults", 100).unwrap_err().code(), "ValidationException");
        assert_eq!(input.count("zero", 100).unwrap_err().code(), "ValidationException");
        assert_eq!(input.text_within("reason", 300).unwrap_err().code(), "ValidationException");
        assert_eq!(input.flag("flag").unwrap_err().code(), "SerializationException");
        assert_eq!(input.required("name").unwrap_err().message(), "`name` is required; add it");
    }
}
