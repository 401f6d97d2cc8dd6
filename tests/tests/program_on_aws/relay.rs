//! Passes requests on, and lets a test look at them, answer them itself, or change what is answered.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::{Arc, LazyLock};

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::{Response, header};
use tokio::runtime::Runtime;

/// The threads of all relays.
static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().unwrap());

/// What happens on the way.
pub(crate) trait Way: Send + Sync + 'static {
    /// The answer to a request that is not passed on.
    fn answer(&self, request: &axum::http::Request<Bytes>) -> Option<Response<String>>;

    /// What is answered instead of `body`.
    fn change(&self, _request: &axum::http::Request<Bytes>, body: Bytes) -> Bytes {
        body
    }
}

struct Relay<W> {
    upstream: String,
    http: reqwest::Client,
    way: Arc<W>,
}

/// The URL under which requests go on to `upstream` by `way`.
pub(crate) fn relay<W: Way>(upstream: &str, way: Arc<W>) -> String {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    listener.set_nonblocking(true).unwrap();
    let http = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build();
    let relay = Relay { upstream: upstream.to_owned(), http: http.unwrap(), way };
    RUNTIME.spawn(async move {
        let listener = tokio::net::TcpListener::from_std(listener).unwrap();
        let router = Router::new().fallback(pass_on::<W>).with_state(Arc::new(relay));
        axum::serve(listener, router).await.unwrap();
    });
    url
}

async fn pass_on<W: Way>(State(relay): State<Arc<Relay<W>>>, request: Request) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let request = axum::http::Request::from_parts(parts, to_bytes(body, 16 << 20).await.unwrap());
    if let Some(answer) = relay.way.answer(&request) {
        return answer.map(Body::from);
    }
    let url = format!("{}{}", relay.upstream, request.uri());
    let mut headers = request.headers().clone();
    headers.remove(header::HOST);
    let on = relay.http.request(request.method().clone(), url).headers(headers).body(request.body().clone());
    let answer = on.send().await.unwrap();
    let (status, headers) = (answer.status(), answer.headers().clone());
    let body = relay.way.change(&request, answer.bytes().await.unwrap());
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    for of_the_connection in [header::TRANSFER_ENCODING, header::CONTENT_LENGTH] {
        response.headers_mut().remove(of_the_connection);
    }
    response
}
