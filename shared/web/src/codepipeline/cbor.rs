//! CBOR bodies (RFC 8949) as the JSON-like value that operations read, and back.

use ciborium::value::{Integer, Value as Cbor};
use serde::Serialize;
use serde_json::{Map, Number, Value};

use super::error::ApiError;

/// The deepest nesting that is read; a definition needs about ten.
const MAX_DEPTH: usize = 64;

/// Reads one item, definite or indefinite in length, that fills the whole body.
pub(crate) fn read(body: &[u8]) -> Result<Value, ApiError> {
    let mut rest = body;
    let value: Cbor = ciborium::de::from_reader_with_recursion_limit(&mut rest, MAX_DEPTH)
        .map_err(|error| ApiError::serialization(format!("the body is not CBOR: {error}")))?;
    if !rest.is_empty() {
        return Err(ApiError::serialization("the body has bytes after its CBOR item"));
    }
    convert(value)
}

/// Writes `output`.
pub(crate) fn write(output: &impl Serialize) -> Result<Vec<u8>, ApiError> {
    let mut body = Vec::new();
    ciborium::into_writer(output, &mut body)
        .map_err(|error| ApiError::internal(format!("the answer cannot be written: {error}")))?;
    Ok(body)
}

fn convert(value: Cbor) -> Result<Value, ApiError> {
    match value {
        Cbor::Integer(number) => Ok(Value::Number(integer(number)?)),
        Cbor::Float(number) => Ok(Number::from_f64(number).map_or(Value::Null, Value::Number)),
        Cbor::Text(text) => Ok(Value::String(text)),
        Cbor::Bool(flag) => Ok(Value::Bool(flag)),
        Cbor::Null => Ok(Value::Null),
        // Tag 1 is a timestamp; no other tag changes what a member means.
        Cbor::Tag(_, value) => convert(*value),
        Cbor::Array(items) => items.into_iter().map(convert).collect::<Result<_, _>>().map(Value::Array),
        Cbor::Map(entries) => map(entries),
        Cbor::Bytes(_) => {
            Err(ApiError::serialization("a member is a byte string, and no operation here takes one"))
        }
        other => {
            Err(ApiError::serialization(format!("a member has a form that no operation takes: {other:?}")))
        }
    }
}

fn map(entries: Vec<(Cbor, Cbor)>) -> Result<Value, ApiError> {
    let mut map = Map::with_capacity(entries.len());
    for (key, value) in entries {
        let Cbor::Text(key) = key else {
            return Err(ApiError::serialization("a structure's keys must be text"));
        };
        map.insert(key, convert(value)?);
    }
    Ok(Value::Object(map))
}

fn integer(number: Integer) -> Result<Number, ApiError> {
    let number = i128::from(number);
    u64::try_from(number)
        .map(Number::from)
        .or_else(|_| i64::try_from(number).map(Number::from))
        .map_err(|_| ApiError::serialization("a number is out of range"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indefinite_lengths_are_accepted() {
        // {_ "name": (_ "we", "b"), "list": [_ 1, true]}
        let body = b"\xbf\x64name\x7f\x62we\x61b\xff\x64list\x9f\x01\xf5\xff\xff";
        assert_eq!(read(body).unwrap(), serde_json::json!({"name": "web", "list": [1, true]}));
    }

    #[test]
    fn a_timestamp_is_read_as_its_seconds() {
        assert_eq!(
            read(b"\xa1\x61t\xc1\x1a\x65\x53\xf1\x00").unwrap(),
            serde_json::json!({"t": 1_700_000_000})
        );
    }

    #[test]
    fn what_is_no_single_item_is_refused() {
        for body in [
            &b"\xa1"[..],
            b"\xa0\x00",
            b"\xa1\x01\x02",
            b"\x9b\xff\xff\xff\xff\xff\xff\xff\xff",
            &[0x81; 500],
        ] {
            assert!(read(body).is_err(), "{body:x?}");
        }
    }
}
