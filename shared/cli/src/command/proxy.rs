//! `penstock proxy`: the deployed API on a port of this machine, for clients that cannot sign for it.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use clap::Args;
use penstock_app::reach::PROXY_PORT;
use tokio::net::TcpListener;

use crate::aws::installation::{Installation, signer};
use crate::aws::{http, proxy};
use crate::exit::{Exit, Failure};
use crate::interrupt::Interrupts;
use crate::show::out;

/// Where it listens unless told otherwise; messages name it.
const DEFAULT: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), PROXY_PORT);

/// Let boto3, `aws codepipeline` and the browser reach the deployed API through a port of this machine
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  penstock proxy --stack penstock
  aws codepipeline list-pipelines --endpoint-url http://127.0.0.1:7879
  AWS_ENDPOINT_URL_CODEPIPELINE=http://127.0.0.1:7879 python deploy.py

The first line of standard output is `LISTENING http://127.0.0.1:PORT`; open it in a browser for the dashboard. Each request
is signed anew with your credentials for `execute-api`, whatever signature it came with.

Every program and user of this machine that reaches the port acts with your credentials while the proxy runs; Ctrl-C
ends it. Requests that name another host, and what pages of other origins post, are refused.")]
pub(crate) struct Proxy {
    /// The installation's stack
    #[arg(long, env = "PENSTOCK_STACK", value_name = "NAME")]
    stack: String,
    /// The port, on loopback only; 0 is a free one
    #[arg(long, value_name = "[HOST:]PORT", default_value_t = DEFAULT, value_parser = loopback)]
    listen: SocketAddr,
}

/// `PORT` or `HOST:PORT`, where the host is this machine.
fn loopback(text: &str) -> Result<SocketAddr, String> {
    let text = text.strip_prefix("localhost:").unwrap_or(text);
    let address = match text.parse::<u16>() {
        Ok(port) => Some(SocketAddr::from((Ipv4Addr::LOCALHOST, port))),
        Err(_) => text.parse().ok(),
    };
    match address {
        Some(address) if address.ip().is_loopback() => Ok(address),
        Some(_) => {
            Err("other machines could reach that and act with your credentials; name a port of 127.0.0.1"
                .into())
        }
        None => Err("write PORT or 127.0.0.1:PORT".into()),
    }
}

impl Proxy {
    /// Passes requests on until Ctrl-C or SIGTERM.
    pub(super) async fn carry_out(self) -> anyhow::Result<Exit> {
        let mut interrupts = Interrupts::listen()?;
        let installation = Installation::find(&self.stack).await?;
        let api = installation.api()?.trim_end_matches('/').to_owned();
        let proxy = proxy::Proxy {
            signer: Arc::new(signer(&installation.sdk, &api)?),
            http: http(&api)?,
            api: api.clone(),
        };
        let listener = TcpListener::bind(self.listen).await.map_err(|error| {
            let message =
                format!("cannot listen at {}: {error}; choose another port with --listen", self.listen);
            Failure::new(Exit::Failed, message)
        })?;
        out::line(format!("LISTENING http://{}", listener.local_addr()?))?;
        out::note(format!("Signing for {api}; Ctrl-C ends it."));
        // What is under way ends with the process: nothing here must outlive it.
        tokio::select! {
            served = axum::serve(listener, proxy::router(proxy)).into_future() => served?,
            () = interrupts.next() => {}
        }
        Ok(Exit::Succeeded)
    }
}

#[cfg(test)]
mod tests {
    use super::loopback;

    #[test]
    fn only_this_machine_is_listened_on() {
        assert_eq!(loopback("0").unwrap().to_string(), "127.0.0.1:0");
        assert_eq!(loopback("127.0.0.1:81").unwrap().to_string(), "127.0.0.1:81");
        assert_eq!(loopback("localhost:81").unwrap().to_string(), "127.0.0.1:81");
        assert_eq!(loopback("[::1]:81").unwrap().to_string(), "[::1]:81");
        assert!(loopback("0.0.0.0:81").unwrap_err().contains("other machines"));
        assert!(loopback("host").is_err());
    }
}
