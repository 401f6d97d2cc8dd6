//! The HTTP client under all SDK clients. The one that comes with the SDK links HTTP/2, in which no service that is called
//! here has to be spoken to and which took 0.7 MB of each function; this one is `hyper` with HTTP/1.1 alone.

use std::error::Error;
use std::io;
use std::pin::Pin;
use std::time::Duration;

use aws_smithy_runtime_api::client::connection::{CaptureSmithyConnection, ConnectionMetadata};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use hyper::Uri;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder, MaybeHttpsStream};
use hyper_util::client::legacy::connect::{CaptureConnection, HttpConnector as Tcp, capture_connection};
use hyper_util::client::legacy::{Client, Error as ClientError};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tower::Service;

/// How long a connection may take to open, its encryption included, whatever a client is configured with: one that is
/// opened for one client serves others.
pub(crate) const CONNECT: Duration = Duration::from_secs(3);

type BoxError = Box<dyn Error + Send + Sync>;

/// The client that SDK clients share, with its connections. TLS is by rustls with ring and trusts whom the machine
/// trusts.
pub fn http_client() -> SharedHttpClient {
    SharedHttpClient::new(Pool { client: client(machine_roots()) })
}

fn client(roots: RootCertStore) -> Client<Opener, SdkBody> {
    Client::builder(TokioExecutor::new()).pool_timer(TokioTimer::new()).build(Opener::trusting(roots))
}

fn machine_roots() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    let (_, invalid) = roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        tracing::warn!(
            invalid,
            errors = ?found.errors,
            "this machine trusts nobody, so nothing can be called over TLS: install its certificates, or name their file in SSL_CERT_FILE"
        );
    }
    roots
}

/// Connections that are kept open.
#[derive(Debug, Clone)]
struct Pool {
    client: Client<Opener, SdkBody>,
}

impl HttpClient for Pool {
    fn http_connector(&self, settings: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(Connector { client: self.client.clone(), read: settings.read_timeout() })
    }
}

/// Makes one request.
#[derive(Debug)]
struct Connector {
    client: Client<Opener, SdkBody>,
    /// How long an answer may take to begin.
    read: Option<Duration>,
}

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let mut request = match request.try_into_http1x() {
            Ok(request) => request,
            Err(error) => return HttpConnectorFuture::ready(Err(ConnectorError::user(error.into()))),
        };
        let connection = capture_connection(&mut request);
        if let Some(captured) = request.extensions().get::<CaptureSmithyConnection>() {
            captured.set_connection_retriever(move || Some(closable(connection.clone())));
        }
        let answer = self.client.request(request);
        let read = self.read.unwrap_or(Duration::MAX);
        HttpConnectorFuture::new(async move {
            let answer = match timeout(read, answer).await {
                Ok(answer) => answer.map_err(failed)?,
                Err(elapsed) => return Err(ConnectorError::timeout(elapsed.into())),
            };
            HttpResponse::try_from(answer.map(SdkBody::from_body_1_x))
                .map_err(|error| ConnectorError::other(error.into(), None))
        })
    }
}

/// After a failure that may pass, the SDK asks for another connection than the one it came by.
fn closable(connection: CaptureConnection) -> ConnectionMetadata {
    let close = move || {
        if let Some(connected) = connection.connection_metadata().as_ref() {
            connected.poison();
        }
    };
    ConnectionMetadata::builder().proxied(false).poison_fn(close).build()
}

/// Opens connections: with TLS, or in clear to an emulator.
#[derive(Debug, Clone)]
struct Opener(HttpsConnector<Tcp>);

impl Opener {
    fn trusting(roots: RootCertStore) -> Self {
        // Whoever comes second finds a provider installed; all install the same.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let tls = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
        let mut tcp = Tcp::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        let https = HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http();
        Self(https.enable_http1().wrap_connector(tcp))
    }
}

impl Service<Uri> for Opener {
    type Response = MaybeHttpsStream<TokioIo<TcpStream>>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut std::task::Context<'_>) -> std::task::Poll<Result<(), BoxError>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, to: Uri) -> Self::Future {
        let opening = timeout(CONNECT, self.0.call(to));
        Box::pin(async move { opening.await.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))? })
    }
}

/// What may pass is told as such, by which the SDK decides whether to try again.
fn failed(error: ClientError) -> ConnectorError {
    let Some(cause) = cause::<hyper::Error>(&error) else {
        let is_io = error.is_connect() || cause::<io::Error>(&error).is_some();
        return if is_io {
            ConnectorError::io(error.into())
        } else {
            ConnectorError::other(error.into(), None)
        };
    };
    if cause.is_timeout() {
        ConnectorError::timeout(error.into())
    } else if cause.is_user() {
        ConnectorError::user(error.into())
    } else {
        // Closed, cancelled, ended before the whole answer had come, or none of HTTP's: another try may meet another.
        ConnectorError::io(error.into())
    }
}

fn cause<'a, E: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a E> {
    std::iter::successors(Some(error), |&error| error.source()).find_map(|error| error.downcast_ref())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use rustls::ServerConfig;
    use rustls::pki_types::PrivateKeyDer;
    use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
    use tokio::net::TcpListener;
    use tokio_rustls::TlsAcceptor;

    use super::*;

    const ANSWER: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

    /// A server on loopback that gives every request this answer and counts its connections.
    struct Server {
        address: String,
        connections: Arc<AtomicUsize>,
    }

    impl Server {
        async fn answering(answer: Option<&'static str>) -> Self {
            let (listener, server) = Self::listening("http").await;
            let counted = server.connections.clone();
            tokio::spawn(async move {
                while let Ok((stream, _)) = listener.accept().await {
                    counted.fetch_add(1, Ordering::SeqCst);
                    tokio::spawn(serve(stream, answer));
                }
            });
            server
        }

        /// One with TLS, and who has to be trusted for it.
        async fn encrypted() -> (Self, RootCertStore) {
            let certified = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
            let certificate = certified.cert.der().clone();
            let key = PrivateKeyDer::try_from(certified.signing_key.serialize_der()).unwrap();
            let _ = rustls::crypto::ring::default_provider().install_default();
            let tls = ServerConfig::builder().with_no_client_auth();
            let tls =
                TlsAcceptor::from(Arc::new(tls.with_single_cert(vec![certificate.clone()], key).unwrap()));
            let (listener, server) = Self::listening("https").await;
            tokio::spawn(async move {
                while let Ok((stream, _)) = listener.accept().await {
                    if let Ok(stream) = tls.accept(stream).await {
                        tokio::spawn(serve(stream, Some(ANSWER)));
                    }
                }
            });
            let mut roots = RootCertStore::empty();
            roots.add(certificate).unwrap();
            (server, roots)
        }

        async fn listening(scheme: &str) -> (TcpListener, Self) {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = format!("{scheme}://{}", listener.local_addr().unwrap());
            (listener, Self { address, connections: Arc::default() })
        }

        fn connections(&self) -> usize {
            self.connections.load(Ordering::SeqCst)
        }
    }

    /// The first line of a request comes back in a header; no answer is silence.
    async fn serve(stream: impl AsyncRead + AsyncWrite + Unpin, answer: Option<&'static str>) {
        let mut stream = BufReader::new(stream);
        let (mut first, mut line) = (String::new(), String::new());
        while stream.read_line(&mut line).await.is_ok_and(|read| read > 0) {
            if first.is_empty() {
                first = line.trim_end().to_owned();
            }
            let is_last = line == "\r\n";
            line.clear();
            if !is_last {
                continue;
            }
            let Some(answer) = answer else { std::future::pending().await };
            let answer = answer.replacen("\r\n", &format!("\r\nx-first-line: {first}\r\n"), 1);
            stream.get_mut().write_all(answer.as_bytes()).await.unwrap();
            first.clear();
            if !answer.ends_with("ok") {
                return;
            }
        }
    }

    fn connector(read: Option<Duration>) -> Connector {
        Connector { client: client(RootCertStore::empty()), read }
    }

    fn request(uri: &str) -> HttpRequest {
        let mut request = HttpRequest::new(SdkBody::empty());
        request.set_uri(uri).unwrap();
        request
    }

    #[tokio::test]
    async fn a_connection_is_used_again_and_a_path_travels_as_it_was_signed() {
        let server = Server::answering(Some(ANSWER)).await;
        let connector = connector(None);
        for _ in 0..3 {
            let answer =
                connector.call(request(&format!("{}/a/./b/../c%2Ed", server.address))).await.unwrap();
            assert_eq!(answer.headers().get("x-first-line"), Some("GET /a/./b/../c%2Ed HTTP/1.1"));
            let body = aws_smithy_types::byte_stream::ByteStream::new(answer.into_body()).collect().await;
            assert_eq!(body.unwrap().into_bytes(), "ok");
        }
        assert_eq!(server.connections(), 1);
    }

    #[tokio::test]
    async fn a_connection_that_the_sdk_gives_up_is_not_used_again() {
        let server = Server::answering(Some(ANSWER)).await;
        let connector = connector(None);
        for _ in 0..2 {
            let captured = CaptureSmithyConnection::new();
            let mut request = request(&server.address);
            request.add_extension(captured.clone());
            let answer = connector.call(request).await.unwrap();
            captured.get().unwrap().poison();
            aws_smithy_types::byte_stream::ByteStream::new(answer.into_body()).collect().await.unwrap();
        }
        assert_eq!(server.connections(), 2);
    }

    #[tokio::test]
    async fn an_answer_that_does_not_begin_is_a_timeout() {
        let server = Server::answering(None).await;
        let failed =
            connector(Some(Duration::from_millis(20))).call(request(&server.address)).await.unwrap_err();
        assert!(failed.is_timeout(), "{failed:?}");
    }

    #[tokio::test]
    async fn a_server_that_is_gone_or_goes_may_come_back() {
        let cut = Server::answering(Some("HTTP/1.1 200 OK\r\ncontent-le")).await;
        let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        for address in [cut.address, format!("http://{nobody}")] {
            let failed = connector(None).call(request(&address)).await.unwrap_err();
            assert!(failed.is_io(), "{address}: {failed:?}");
        }
    }

    #[tokio::test]
    async fn only_who_is_trusted_is_spoken_to() {
        let (server, roots) = Server::encrypted().await;
        let failed = connector(None).call(request(&server.address)).await.unwrap_err();
        assert!(format!("{failed:?}").contains("UnknownIssuer"), "{failed:?}");
        let answer =
            Connector { client: client(roots), read: None }.call(request(&server.address)).await.unwrap();
        assert_eq!(answer.status().as_u16(), 200);
    }
}
