//! `penstock up`: the server.

use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;

use clap::Args;

use super::ADDRESS;
use crate::exit::{Exit, Failure};
use crate::interrupt::Interrupts;
use crate::machine;
use crate::server::{Options, Server};
use crate::show::out;

/// Run the server: pipelines, webhooks, approval pages, CodePipeline's API
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  penstock up
  penstock up --listen 127.0.0.1:0 --dir /var/lib/penstock
  PENSTOCK_WEBHOOK_SECRET=new,old penstock up --base-url https://penstock.example.com

The first line of standard output is `LISTENING http://HOST:PORT`. Environment:
  PENSTOCK_WEBHOOK_SECRET   secrets of GitHub webhooks, separated by commas; without one every delivery is refused

Anybody who reaches the server may start, approve and change pipelines: only webhooks and approval links carry their
own proof. So it listens on this machine alone unless --expose says otherwise; put a proxy that knows people in front.")]
pub(crate) struct Up {
    /// Where to listen; port 0 is a free one
    #[arg(long, value_name = "HOST:PORT", default_value = ADDRESS)]
    listen: String,
    /// Where state, artifacts and logs are kept
    #[arg(long, default_value = ".penstock")]
    dir: PathBuf,
    /// The URL under which people reach the server, for links
    #[arg(long, value_name = "URL", env = "PENSTOCK_BASE_URL", value_parser = crate::endpoint::base)]
    base_url: Option<String>,
    /// Also posts notifications, as JSON, to this URL
    #[arg(long, value_name = "URL", env = "PENSTOCK_NOTIFICATION_URL", value_parser = crate::endpoint::whole)]
    notify: Option<String>,
    /// Listen on an address that other machines can reach
    #[arg(long)]
    expose: bool,
}

impl Up {
    /// Serves until Ctrl-C or SIGTERM.
    pub(super) async fn carry_out(self) -> anyhow::Result<Exit> {
        let listen = self.address()?;
        let mut interrupts = Interrupts::listen()?;
        let mut settings = machine::with_console(machine::settings(&self.dir)?);
        settings.notification_webhook = self.notify.clone();
        let options = Options { listen, settings, base_url: self.base_url.clone(), secrets: secrets() };
        let server = Server::start(options).await?;
        out::line(format!("LISTENING {}", server.url))?;
        interrupts.next().await;
        out::note(
            "Shutting down; what runs is recorded as interrupted and attempted again at the next start.",
        );
        tokio::select! {
            () = server.shut_down() => {}
            () = interrupts.next() => {}
        }
        Ok(Exit::Succeeded)
    }

    /// The address, if it is one that may be used.
    fn address(&self) -> anyhow::Result<SocketAddr> {
        let unclear =
            |why: String| Failure::misused(format!("--listen {}: {why}; write HOST:PORT", self.listen));
        let mut addresses = self.listen.to_socket_addrs().map_err(|error| unclear(error.to_string()))?;
        let address = addresses.next().ok_or_else(|| unclear("no such address".into()))?;
        if address.ip().is_loopback() || self.expose {
            return Ok(address);
        }
        let message = format!(
            "--listen {}: other machines could reach that, and whoever reaches the server may do everything; \
             add --expose if a proxy or a firewall lets only the right people through",
            self.listen
        );
        Err(Failure::misused(message).into())
    }
}

/// The webhook secrets of the environment.
fn secrets() -> Vec<String> {
    let all = std::env::var("PENSTOCK_WEBHOOK_SECRET").unwrap_or_default();
    all.split(',').map(str::trim).filter(|secret| !secret.is_empty()).map(str::to_owned).collect()
}
