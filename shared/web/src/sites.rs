//! `/sites/NAME/…`: what S3 deployments put into a folder, as a browser gets it.
//!
//! A site may bring scripts and styles of its own, so the dashboard's policy would break it. It is served from the
//! same origin as the API though, so its pages are sandboxed without `allow-same-origin`: a browser treats them as of
//! an opaque origin, whose requests to the API the guard refuses and whose reads of it the browser refuses. There are no
//! cookies or logins that it could borrow. Its own files it may fetch, by `Access-Control-Allow-Origin: *`.

mod file;
mod kind;

use std::path::Path as FilePath;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;

use crate::Web;
use crate::etag;
use crate::page;
use file::Found;

const SANDBOX: &str = "sandbox allow-scripts allow-forms allow-popups allow-popups-to-escape-sandbox allow-modals allow-downloads";

/// The routes below `/sites`.
pub(crate) fn routes() -> Router<Arc<Web>> {
    Router::new()
        .route("/{name}", get(root))
        .route("/{name}/", get(index))
        .route("/{name}/{*path}", get(serve))
}

async fn root(Path(name): Path<String>) -> Response {
    if !file::is_plain(&name) {
        return page::missing("site");
    }
    let name = percent_encoding::utf8_percent_encode(&name, percent_encoding::NON_ALPHANUMERIC);
    Redirect::permanent(&format!("/sites/{name}/")).into_response()
}

async fn index(State(web): State<Arc<Web>>, Path(name): Path<String>, headers: HeaderMap) -> Response {
    answer(&web, &name, "", &headers).await
}

async fn serve(
    State(web): State<Arc<Web>>,
    Path((name, path)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    answer(&web, &name, &path, &headers).await
}

async fn answer(web: &Web, name: &str, path: &str, headers: &HeaderMap) -> Response {
    let Some(sites) = web.sites.as_deref() else {
        return page::missing("site");
    };
    match file::find(sites, name, path).await {
        Ok(Some(Found::File(file))) => {
            let mut response = etag::tagged(headers, &file.tag.clone(), || respond(file));
            confine(response.headers_mut());
            response
        }
        Ok(Some(Found::Folder)) => Redirect::permanent(&format!("{}/", last_segment(path))).into_response(),
        Ok(None) => page::missing("page"),
        Err(error) => {
            tracing::error!(%error, site = name, "a site's file cannot be read");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// A folder's address without its slash: the redirect is relative to it.
fn last_segment(path: &str) -> String {
    let last = path.rsplit('/').next().unwrap_or_default();
    percent_encoding::utf8_percent_encode(last, percent_encoding::NON_ALPHANUMERIC).to_string()
}

fn respond(file: file::File) -> Response {
    let mut response = Response::new(Body::from(file.content));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind::of(FilePath::new(&file.name))));
    if let Some(control) = file.cache_control.and_then(|control| HeaderValue::from_str(&control).ok()) {
        headers.insert(header::CACHE_CONTROL, control);
    }
    response
}

/// Sandboxes a page of a site. A 304 needs it too: a browser replaces the headers that it keeps with those of the 304
/// (RFC 9111, section 3.2), and without the sandbox the page would be of this server's origin from then on.
fn confine(headers: &mut HeaderMap) {
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(SANDBOX));
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    headers.insert("cross-origin-resource-policy", HeaderValue::from_static("cross-origin"));
}
