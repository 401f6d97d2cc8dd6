//! Installations on AWS: found by their stack, spoken to with signed requests, looked into and put right.

// For its features alone: people sign in to AWS in ways that functions do not.
use aws_config as _;
use penstock_app::port::PortError;
use penstock_aws::sdk::Sdk;

use crate::exit::{Exit, Failure};

pub(crate) mod ask;
pub(crate) mod check;
pub(crate) mod confirmation;
pub(crate) mod dead_letters;
pub(crate) mod doctor;
pub(crate) mod installation;
pub(crate) mod letter;
pub(crate) mod proxy;
pub(crate) mod signed;

/// The configuration that every AWS tool finds: credentials, region, endpoint.
///
/// # Errors
/// If no region is set: signing for a guessed one would only be refused. If nobody is signed in.
pub(crate) async fn sdk() -> anyhow::Result<Sdk> {
    let sdk = Sdk::load().await;
    if sdk.config().region().is_none_or(|region| region.as_ref().is_empty()) {
        let message =
            "no AWS region is set; set AWS_REGION, or a region in the profile that AWS_PROFILE names";
        return Err(Failure::misused(message).into());
    }
    // Asked for once before all else: each client would say it at length and in its own way.
    if let Err(error) = sdk.credentials().await {
        let message = format!(
            "there are no usable AWS credentials ({}); sign in (`aws sso login`, `aws configure`), or name a profile with AWS_PROFILE",
            error.message
        );
        return Err(Failure::misused(message).into());
    }
    Ok(sdk)
}

/// A failure of AWS as this program tells it.
#[expect(clippy::needless_pass_by_value, reason = "handed to map_err")]
pub(crate) fn failed(error: PortError) -> anyhow::Error {
    let exit = if error.retryable { Exit::Unreachable } else { Exit::Failed };
    Failure::new(exit, error.in_a_sentence()).into()
}

/// A client for the internet: a proxy of the environment counts, redirections are for whoever asked.
pub(crate) fn http(url: &str) -> anyhow::Result<reqwest::Client> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let builder = reqwest::Client::builder()
        .connect_timeout(std::time::Duration::from_secs(10))
        .redirect(reqwest::redirect::Policy::none());
    let local = reqwest::Url::parse(url).ok().and_then(|url| url.host_str().map(is_loopback));
    let builder = if local == Some(true) { builder.no_proxy() } else { builder };
    Ok(builder.build()?)
}

/// Whether `host`, without a port, is this machine itself.
pub(crate) fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let name = bare.to_ascii_lowercase();
    let address: Result<std::net::IpAddr, _> = name.parse();
    address.is_ok_and(|address| address.is_loopback()) || name == "localhost" || name.ends_with(".localhost")
}
