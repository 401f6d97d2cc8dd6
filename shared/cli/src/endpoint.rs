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

/// The address under which people reach a server: links are made by putting paths behind it.
///
/// # Errors
/// Says what to write instead.
pub(crate) fn base(text: &str) -> Result<String, String> {
    let url = Url::parse(text).ok().filter(|_| is_http(text)).filter(|url| {
        let bare = url.username().is_empty() && url.password().is_none();
        bare && url.path() == "/" && url.query().is_none() && url.fragment().is_none()
    });
    url.map(|url| url.origin().ascii_serialization())
        .ok_or_else(|| "write http://HOST[:PORT] or https://HOST[:PORT], without a path".to_owned())
}

/// A URL to which something is posted.
///
/// # Errors
/// Says what to write instead.
pub(crate) fn whole(text: &str) -> Result<String, String> {
    match is_http(text) {
        true => Ok(text.to_owned()),
        false => Err("write a whole URL, such as https://hooks.example.com/penstock".to_owned()),
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
            assert!(parse(bad).is_err() && base(bad).is_err() && whole(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn links_begin_with_a_host_alone() {
        for (good, base_url) in [
            ("https://penstock.example.com", "https://penstock.example.com"),
            ("http://127.0.0.1:7878/", "http://127.0.0.1:7878"),
            ("http://[::1]:80", "http://[::1]"),
        ] {
            assert_eq!(base(good).as_deref(), Ok(base_url));
        }
        for bad in ["http://host/x", "http://host?x", "http://host#x", "http://me:secret@host"] {
            assert!(base(bad).is_err(), "{bad}");
        }
    }
}
