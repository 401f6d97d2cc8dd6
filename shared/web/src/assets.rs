//! The dashboard's own files, built into the program.

use axum::extract::Path;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};

use crate::etag;
use crate::page;

const STYLE: &str = include_str!("../assets/style.css");
const SCRIPT: &str = include_str!("../assets/live.js");
const ICON: &str = include_str!("../assets/favicon.svg");

pub(crate) async fn serve(Path(name): Path<String>, headers: HeaderMap) -> Response {
    match name.as_str() {
        "style.css" => asset(&headers, "text/css; charset=utf-8", STYLE),
        "live.js" => asset(&headers, "text/javascript; charset=utf-8", SCRIPT),
        "favicon.svg" => asset(&headers, "image/svg+xml", ICON),
        _ => page::missing("file"),
    }
}

pub(crate) async fn favicon(headers: HeaderMap) -> Response {
    asset(&headers, "image/svg+xml", ICON)
}

fn asset(headers: &HeaderMap, kind: &'static str, content: &'static str) -> Response {
    etag::tagged(headers, &etag::of(&content), || ([(header::CONTENT_TYPE, kind)], content).into_response())
}
