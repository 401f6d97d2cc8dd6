//! What the adapters over S3 share: the client and what its errors mean.

use aws_sdk_s3::Client;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use penstock_app::port::PortError;

use crate::error::port_error;
use crate::sdk::Sdk;

/// A client of S3.
pub(crate) fn client(sdk: &Sdk) -> Client {
    let config = aws_sdk_s3::config::Builder::from(sdk.config())
        .interceptor(sdk.interceptor())
        .force_path_style(sdk.has_endpoint())
        .build();
    Client::from_conf(config)
}

/// The status of the answer, if the service answered.
pub(crate) fn status<E>(error: &SdkError<E>) -> Option<u16> {
    error.raw_response().map(|answer| answer.status().as_u16())
}

/// The region of the bucket, if the answer says so.
fn region<E>(error: &SdkError<E>) -> Option<&str> {
    error.raw_response()?.headers().get("x-amz-bucket-region")
}

/// As [`port_error`]; S3 answers some requests without a body, so that only the status tells whether a failure passes.
pub(crate) fn failed<E>(what: &str, error: &SdkError<E>) -> PortError
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    let found = port_error(what, error);
    match status(error) {
        Some(301) => PortError::permanent(format!(
            "{what}: the bucket is in {}; correct the action's `region` or the region in `artifactStores`",
            region(error).unwrap_or("another region")
        )),
        Some(408 | 429 | 500..) => PortError::transient(found.message),
        Some(status @ 400..) if error.code().is_none() => {
            PortError::permanent(format!("{what}: S3 refuses it with status {status}; is the right missing?"))
        }
        Some(_) | None => found,
    }
}
