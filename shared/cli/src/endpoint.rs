//! Addresses of servers as people type them.

use reqwest::Url;

/// The address of a Penstock, checked.
///
/// # Errors
/// Says what to write instead.
pub(crate) fn parse(text: &str) -> Result<String, String> {
    match is_http(text) {
        true => Ok(text.to_owned()),
        false => Err("write http://HOST:PORT, such as http://127.0.0.1:7878".to_owned()),
    }
}

/// Whether `text` is a whole http or https URL.
pub(crate) fn is_http(text: &str) -> bool {
    Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_urls_are_taken() {
        for good in ["http://127.0.0.1:7878", "https://penstock.example.com/", "http://[::1]:80/x"] {
            assert_eq!(parse(good).as_deref(), Ok(good));
        }
        for bad in
            ["", "foo", "127.0.0.1:7878", "localhost:7878", "//host", "ftp://host", "http://", "http://a b"]
        {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
