//! Large content of items: JSON, deflated where that is smaller, since size is what writes cost.

use std::io::{Read, Write};

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::item::Attributes;

const JSON: &str = "json";
const DEFLATED: &str = "deflated";

/// More than any item can hold, however well it deflates: what is larger was not written here.
const MAX_INFLATED: u64 = 64 << 20;

/// The attribute that holds `content`.
pub(super) fn encode<T: Serialize + ?Sized>(content: &T) -> Result<(&'static str, AttributeValue), String> {
    let json = serde_json::to_string(content).map_err(|error| error.to_string())?;
    let mut encoder = DeflateEncoder::new(Vec::with_capacity(json.len() / 2), Compression::best());
    let deflated = encoder.write_all(json.as_bytes()).and_then(|()| encoder.finish());
    let deflated = deflated.map_err(|error| error.to_string())?;
    Ok(if deflated.len() + DEFLATED.len() < json.len() + JSON.len() {
        (DEFLATED, AttributeValue::B(Blob::new(deflated)))
    } else {
        (JSON, AttributeValue::S(json))
    })
}

/// Reads what [`encode`] wrote.
pub(super) fn decode<T: DeserializeOwned>(attributes: &Attributes) -> Result<T, String> {
    if let Some(Ok(json)) = attributes.get(JSON).map(AttributeValue::as_s) {
        return serde_json::from_str(json).map_err(|error| error.to_string());
    }
    let Some(Ok(deflated)) = attributes.get(DEFLATED).map(AttributeValue::as_b) else {
        return Err(format!("neither `{JSON}` nor `{DEFLATED}` is there"));
    };
    let mut json = vec![];
    let mut decoder = DeflateDecoder::new(deflated.as_ref()).take(MAX_INFLATED);
    decoder.read_to_end(&mut json).map_err(|error| error.to_string())?;
    serde_json::from_slice(&json).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    fn again(content: &str) -> (&'static str, String) {
        let (name, value) = encode(content).unwrap();
        (name, decode(&HashMap::from([(name.to_owned(), value)])).unwrap())
    }

    #[test]
    fn the_smaller_form_is_written_and_both_are_read() {
        assert_eq!(again("ü"), (JSON, "ü".to_owned()));
        assert_eq!(again(&"ü\"".repeat(999)), (DEFLATED, "ü\"".repeat(999)));
    }

    #[test]
    fn what_is_damaged_is_an_error() {
        let cut = AttributeValue::B(Blob::new(vec![0xff, 0x00]));
        assert!(decode::<String>(&HashMap::from([(DEFLATED.to_owned(), cut)])).is_err());
        assert!(decode::<String>(&HashMap::new()).is_err());
    }
}
