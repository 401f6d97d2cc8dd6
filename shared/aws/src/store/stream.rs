//! Records as the table's stream brings them.

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use penstock_app::port::PortError;
use penstock_app::port::store::Record;
use serde_json::Value;

use super::encode::read_record;
use super::item::{Attributes, Stored};
use super::key::RECORD;

/// Reads the record in a stream event's `dynamodb.NewImage`, DynamoDB's JSON (`{"pk": {"S": "..."}, ...}`); `None` if
/// the image is of an item of another kind.
///
/// # Errors
/// Permanent, if the image cannot be read or a newer release wrote it.
pub fn record_from_image(image: &Value) -> Result<Option<Record>, PortError> {
    let attributes = attributes(image)?;
    let is_record =
        attributes.get("sk").and_then(|sk| sk.as_s().ok()).is_some_and(|sk| sk.starts_with(RECORD));
    if !is_record {
        return Ok(None);
    }
    read_record(Stored::new(&attributes)?).map(Some)
}

/// Only the types that items of ours have.
fn attributes(image: &Value) -> Result<Attributes, PortError> {
    let invalid = || PortError::permanent("read a stream's record: its image is no item in DynamoDB's JSON");
    let image = image.as_object().ok_or_else(invalid)?;
    let attributes = image.iter().filter_map(|(name, value)| {
        let (kind, value) = value.as_object()?.iter().next()?;
        let value = value.as_str()?;
        let value = match kind.as_str() {
            "S" => AttributeValue::S(value.to_owned()),
            "N" => AttributeValue::N(value.to_owned()),
            "B" => AttributeValue::B(Blob::new(STANDARD.decode(value).ok()?)),
            _ => return None,
        };
        Some((name.clone(), value))
    });
    Ok(attributes.collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn other_items_are_passed_over() {
        let image =
            json!({ "pk": { "S": "PIPELINE#web" }, "sk": { "S": "PIPELINE" }, "schema": { "N": "9" } });
        assert_eq!(record_from_image(&image).unwrap(), None);
    }

    #[test]
    fn what_is_no_record_is_an_error() {
        assert!(record_from_image(&json!("x")).is_err());
        assert!(record_from_image(&json!({ "sk": { "S": "RECORD#000000000001" } })).is_err());
    }
}
