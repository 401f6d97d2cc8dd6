//! A Penstock server in this process: the machine, its router, a listening socket.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use penstock_app::delivery::Webhook;
use penstock_github::signature::WebhookSecrets;
use penstock_github::webhook::GitHubWebhook;
use penstock_local::machine::Machine;
use penstock_local::settings::Settings;
use penstock_web::{Web, Webhooks};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::exit::{Exit, Failure};
use crate::machine;

/// How long open connections may take to end once the server shuts down; a page that updates itself never ends.
const GRACE: Duration = Duration::from_millis(500);
/// The account and region in ARNs, which mean nothing on one machine.
const ACCOUNT: &str = "000000000000";
const REGION: &str = "local";

/// A server that listens.
pub(crate) struct Server {
    /// What performs the pipelines.
    pub(crate) machine: Machine,
    /// Where it is reached from this machine: `http://HOST:PORT`.
    pub(crate) url: String,
    stop: oneshot::Sender<()>,
    served: JoinHandle<std::io::Result<()>>,
}

/// What a server is started with.
pub(crate) struct Options {
    /// Where it listens; port 0 is a free one.
    pub(crate) listen: SocketAddr,
    /// The machine's settings.
    pub(crate) settings: Settings,
    /// The URL under which people reach it, if that is another than where it listens.
    pub(crate) base_url: Option<String>,
    /// The secrets of webhooks.
    pub(crate) secrets: Vec<String>,
}

impl Server {
    /// Starts the machine and listens.
    pub(crate) async fn start(options: Options) -> anyhow::Result<Self> {
        let Options { listen, mut settings, base_url, secrets } = options;
        let listener = TcpListener::bind(listen).await.map_err(|error| cannot_listen(listen, &error))?;
        let url = format!("http://{}", listener.local_addr()?);
        let base_url = base_url.unwrap_or_else(|| url.clone());
        settings.base_url.clone_from(&base_url);
        let machine = machine::start(settings).await?;
        let router = penstock_web::router(web(&machine, secrets, &base_url));
        let (stop, stopped) = oneshot::channel::<()>();
        let serving = axum::serve(listener, router).with_graceful_shutdown(async {
            // A sender that is gone means the same.
            let _ = stopped.await;
        });
        let served = tokio::spawn(serving.into_future());
        Ok(Self { machine, url, stop, served })
    }

    /// Answers no more and leaves everything as the next start needs it.
    pub(crate) async fn shut_down(self) {
        let _ = self.stop.send(());
        let abort = self.served.abort_handle();
        if tokio::time::timeout(GRACE, self.served).await.is_err() {
            abort.abort();
        }
        self.machine.shut_down().await;
    }
}

fn web(machine: &Machine, secrets: Vec<String>, base_url: &str) -> Web {
    let webhook: Arc<dyn Webhook> = Arc::new(GitHubWebhook::new(WebhookSecrets::new(secrets)));
    Web {
        control: Arc::clone(&machine.control),
        query: Arc::clone(&machine.query),
        jobs: Arc::clone(&machine.jobs),
        approvals: Arc::clone(&machine.approvals),
        webhooks: Some(Webhooks { deliveries: Arc::clone(&machine.deliveries), webhook }),
        sites: Some(machine.sites.clone()),
        hosts: host(base_url).into_iter().collect(),
        account: ACCOUNT.into(),
        region: REGION.into(),
    }
}

/// The host of a URL, without its port.
fn host(url: &str) -> Option<String> {
    reqwest::Url::parse(url).ok()?.host_str().map(str::to_owned)
}

fn cannot_listen(address: SocketAddr, error: &std::io::Error) -> Failure {
    let hint = if error.kind() == std::io::ErrorKind::AddrInUse {
        "; is a server running already? Choose another port, or :0 for a free one, with --listen"
    } else {
        ""
    };
    Failure::new(Exit::Failed, format!("cannot listen at {address}: {error}{hint}"))
}
