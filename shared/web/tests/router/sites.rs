//! Deployed sites.

use std::fs;
use std::os::unix::fs::symlink;

use axum::body::Body;
use axum::http::{Request, StatusCode};

use crate::fixture::Server;

fn site() -> Server {
    let server = Server::new();
    let root = server.sites.path().join("sites");
    fs::create_dir_all(root.join("web/docs")).unwrap();
    fs::write(root.join("web/index.html"), "<h1>lit</h1>").unwrap();
    fs::write(root.join("web/docs/index.html"), "docs").unwrap();
    fs::write(root.join("web/app.js"), "1").unwrap();
    fs::write(root.join("web/unknown.xyz"), "?").unwrap();
    fs::write(root.join("web.metadata.json"), "{\"cacheControl\": \"max-age=60\"}").unwrap();
    fs::write(server.sites.path().join("secret"), "secret").unwrap();
    symlink("../../secret", root.join("web/escape")).unwrap();
    symlink("app.js", root.join("web/inside.js")).unwrap();
    server
}

#[tokio::test]
async fn files_are_served_with_their_types() {
    let server = site();
    for (path, kind, body) in [
        ("/sites/web/", "text/html; charset=utf-8", "<h1>lit</h1>"),
        ("/sites/web/index.html", "text/html; charset=utf-8", "<h1>lit</h1>"),
        ("/sites/web/docs/", "text/html; charset=utf-8", "docs"),
        ("/sites/web/app.js", "text/javascript; charset=utf-8", "1"),
        ("/sites/web/inside.js", "text/javascript; charset=utf-8", "1"),
        ("/sites/web/unknown.xyz", "application/octet-stream", "?"),
    ] {
        let answer = server.get(path).await;
        assert_eq!(
            (answer.status, answer.header("content-type"), answer.text().as_str()),
            (StatusCode::OK, kind, body),
            "{path}"
        );
        assert_eq!(answer.header("cache-control"), "max-age=60");
        assert!(answer.header("content-security-policy").starts_with("sandbox allow-scripts"));
        assert!(!answer.header("content-security-policy").contains("same-origin"));
    }
}

#[tokio::test]
async fn folders_redirect_and_known_files_are_not_sent_again() {
    let server = site();
    assert_eq!(server.get("/sites/web").await.header("location"), "/sites/web/");
    assert_eq!(server.get("/sites/web/docs").await.header("location"), "docs/");
    let tag = server.get("/sites/web/").await.header("etag").to_owned();
    let request = Request::get("/sites/web/").header("if-none-match", tag).body(Body::empty()).unwrap();
    let answer = server.send(request).await;
    assert_eq!(answer.status, StatusCode::NOT_MODIFIED);
    assert!(
        answer.header("content-security-policy").starts_with("sandbox "),
        "a 304 replaces the headers that a browser kept"
    );
}

#[tokio::test]
async fn nothing_outside_is_served() {
    let server = site();
    for path in [
        "/sites/web/escape",
        "/sites/web/../../secret",
        "/sites/web/%2e%2e/%2e%2e/secret",
        "/sites/web/..%2f..%2fsecret",
        "/sites/../secret",
        "/sites/%2e%2e/secret",
        "/sites/web/docs/%00",
        "/sites/web//etc/passwd",
        "/sites/web/%2fetc%2fpasswd",
        "/sites/web/..%5c..%5csecret",
        "/sites/web.metadata.json/",
        "/sites/none/",
        "/sites/web/none",
        "/sites/web/app.js/",
        "/sites/",
        "/sites/%ff/",
    ] {
        let answer = server.get(path).await;
        assert!(
            matches!(answer.status, StatusCode::NOT_FOUND | StatusCode::BAD_REQUEST),
            "{path}: {}",
            answer.status
        );
        assert!(!answer.text().contains("secret\n") && answer.text() != "secret", "{path}");
    }
}
