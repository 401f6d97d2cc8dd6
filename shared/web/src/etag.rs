//! Entity tags, so that a page that has not changed is not sent again (RFC 9110, section 8.8.3).

use std::hash::{DefaultHasher, Hash, Hasher};

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

/// The tag of what `content` says.
pub(crate) fn of(content: &impl Hash) -> String {
    let mut hasher = DefaultHasher::new();
    content.hash(&mut hasher);
    format!("W/\"{:016x}\"", hasher.finish())
}

/// Whether the client has what `tag` names.
pub(crate) fn matches(headers: &HeaderMap, tag: &str) -> bool {
    let strong = tag.trim_start_matches("W/");
    let known = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    known
        .flat_map(|value| value.split(','))
        .any(|one| one.trim() == "*" || one.trim().trim_start_matches("W/") == strong)
}

/// `response` under `tag`, or 304 if the client has it already; either must be asked about again each time.
pub(crate) fn tagged(headers: &HeaderMap, tag: &str, response: impl FnOnce() -> Response) -> Response {
    let mut response =
        if matches(headers, tag) { StatusCode::NOT_MODIFIED.into_response() } else { response() };
    if let Ok(tag) = HeaderValue::from_str(tag) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    response.headers_mut().entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-cache"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_match_weakly() {
        let tag = of(&"content");
        let headers = |value: &str| {
            HeaderMap::from_iter([(header::IF_NONE_MATCH, HeaderValue::from_str(value).unwrap())])
        };
        assert!(matches(&headers(&format!("\"other\", {tag}")), &tag));
        assert!(matches(&headers(tag.trim_start_matches("W/")), &tag));
        assert!(!matches(&headers("\"other\""), &tag));
        assert!(!matches(&HeaderMap::new(), &tag));
    }
}
