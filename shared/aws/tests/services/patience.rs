//! A call that hangs is tried again within the time that a function has.

use std::time::Duration;

use penstock_app::port::secrets::Secrets;
use penstock_aws::secrets::AwsSecrets;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::connector::Faults;

const ANSWER: &str = r#"{"Name":"webhook","SecretString":"hunter2"}"#;

/// Takes one request and answers it with a secret.
async fn answer(mut connection: TcpStream) {
    let mut request = vec![];
    while !request.windows(4).any(|end| end == b"\r\n\r\n") {
        assert_ne!(connection.read_buf(&mut request).await.unwrap(), 0);
    }
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/x-amz-json-1.1\r\nconnection: close";
    let response = format!("{head}\r\ncontent-length: {}\r\n\r\n{ANSWER}", ANSWER.len());
    connection.write_all(response.as_bytes()).await.unwrap();
}

/// A service that never answers on its first connection; its address.
async fn hangs_once() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let (silent, _) = listener.accept().await.unwrap();
        while let Ok((connection, _)) = listener.accept().await {
            tokio::spawn(answer(connection));
        }
        drop(silent);
    });
    url
}

#[tokio::test]
async fn a_call_that_hangs_is_tried_again() {
    let sdk = Faults::over(&hangs_once().await).sdk();
    let sdk = sdk.within(Duration::from_millis(300), Duration::from_secs(10));
    let secrets = AwsSecrets::new(&sdk);
    let asked = tokio::time::timeout(Duration::from_secs(20), secrets.secret("webhook"));
    assert_eq!(asked.await.expect("it waits for the first try only so long").unwrap(), "hunter2");
}

#[tokio::test]
async fn a_service_that_hangs_for_good_is_an_error_that_may_pass() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let sdk = Faults::over(&format!("http://{}", listener.local_addr().unwrap())).sdk();
    let sdk = sdk.within(Duration::from_millis(100), Duration::from_millis(300));
    let asked = AwsSecrets::new(&sdk);
    let asked = tokio::time::timeout(Duration::from_secs(20), asked.secret("webhook"));
    let error = asked.await.expect("it does not wait for long").unwrap_err();
    assert!(error.retryable, "{error}");
}
