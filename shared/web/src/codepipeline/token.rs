//! `nextToken`: where the next page begins, opaque to clients.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::error::ApiError;
use super::input::Input;

/// The longest token that is read, the model's limit.
const MAX_TOKEN: usize = 2048;

/// The token for a page that begins at `place` in the list called `list`. What the list is of, such as its pipeline and
/// filter, is part of its name: a page of one list is none of another.
pub(crate) fn write(list: &str, place: &str) -> String {
    URL_SAFE_NO_PAD.encode(format!("{list}:{place}"))
}

/// The place in the request's `nextToken`, if it has one.
pub(crate) fn read(input: Input<'_>, list: &str) -> Result<Option<String>, ApiError> {
    let Some(token) = input.text("nextToken")? else {
        return Ok(None);
    };
    let place = (token.len() <= MAX_TOKEN).then(|| URL_SAFE_NO_PAD.decode(token).ok()).flatten();
    let place = place.and_then(|bytes| String::from_utf8(bytes).ok());
    let place = place.as_deref().and_then(|text| text.strip_prefix(list)?.strip_prefix(':'));
    place.map_or_else(|| Err(invalid()), |place| Ok(Some(place.to_owned())))
}

/// The request's `nextToken` as a number.
pub(crate) fn number(input: Input<'_>, list: &str) -> Result<Option<u64>, ApiError> {
    read(input, list)?.map(|place| place.parse().map_err(|_| invalid())).transpose()
}

/// A token that no answer gave.
pub(crate) fn invalid() -> ApiError {
    ApiError::new(
        "InvalidNextTokenException",
        "`nextToken` is none that this operation gave; begin without it",
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_token_is_read_back_by_its_own_list_only() {
        let value = json!({"nextToken": write("executions", "17")});
        let input = Input::of(&value, "").unwrap();
        assert_eq!(number(input, "executions").unwrap(), Some(17));
        assert_eq!(number(input, "actions").unwrap_err().code(), "InvalidNextTokenException");
        let value = json!({"nextToken": "?"});
        assert_eq!(
            read(Input::of(&value, "").unwrap(), "executions").unwrap_err().code(),
            "InvalidNextTokenException"
        );
    }
}
