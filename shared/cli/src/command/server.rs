//! The server that a command speaks to: on this machine, somewhere else, or an installation on AWS.

use clap::Args;

use crate::client::Client;
use crate::exit::Failure;

/// The server of this machine, as `penstock up` starts it.
const LOCAL: &str = "http://127.0.0.1:7878";

/// The server that a command speaks to.
#[derive(Debug, Args)]
pub(crate) struct Server {
    /// The server of a command: as people read it in the help, so without the marks of a docstring
    #[arg(
        long,
        value_name = "URL",
        value_parser = crate::endpoint::parse,
        conflicts_with = "stack",
        help = "The server, as `penstock up` prints it [env: PENSTOCK_ENDPOINT] [default: http://127.0.0.1:7878]"
    )]
    endpoint: Option<String>,
    /// An installation on AWS
    #[arg(
        long,
        value_name = "NAME",
        help = "The installation on AWS that this stack is; requests are signed [env: PENSTOCK_STACK]"
    )]
    stack: Option<String>,
    /// Sign requests to the endpoint: it is a domain of your own before the API on AWS
    #[arg(long, conflicts_with = "stack")]
    sign: bool,
}

/// What the command line and the environment mean.
#[derive(Debug, PartialEq, Eq)]
enum Target {
    /// A server without signatures.
    Plain(String),
    /// An API behind IAM: its URL.
    Api(String),
    /// The stack called so.
    Stack(String),
}

impl Server {
    /// A client of it.
    pub(crate) async fn client(&self) -> anyhow::Result<Client> {
        let client = match self.target(variable("PENSTOCK_ENDPOINT"), variable("PENSTOCK_STACK"))? {
            Target::Plain(endpoint) => Client::new(&endpoint),
            Target::Api(endpoint) => api(&endpoint).await,
            Target::Stack(name) => stack(&name).await,
        };
        Ok(client?.reached_by(self.again()))
    }

    /// The options of this command that the next one needs as well.
    fn again(&self) -> String {
        let option = |name: &str, value: &Option<String>| {
            value.as_ref().map(|value| format!(" --{name} {value}")).unwrap_or_default()
        };
        let sign = if self.sign { " --sign" } else { "" };
        format!("{}{}{sign}", option("stack", &self.stack), option("endpoint", &self.endpoint))
    }

    /// The command line goes before the environment; in the environment neither goes before the other.
    fn target(&self, endpoint: Option<String>, stack: Option<String>) -> anyhow::Result<Target> {
        let endpoint_of = |url: String| match self.sign || is_execute_api(&url) {
            true => Target::Api(url),
            false => Target::Plain(url),
        };
        if let Some(stack) = &self.stack {
            return Ok(Target::Stack(stack.clone()));
        }
        if let Some(endpoint) = &self.endpoint {
            return Ok(endpoint_of(endpoint.clone()));
        }
        match (endpoint, stack) {
            (Some(endpoint), Some(stack)) => Err(Failure::misused(format!(
                "PENSTOCK_ENDPOINT says {endpoint} and PENSTOCK_STACK says {stack}; unset one, or say --endpoint or --stack"
            ))
            .into()),
            (Some(endpoint), None) => {
                let url = crate::endpoint::parse(&endpoint);
                let url = url.map_err(|way_out| {
                    Failure::misused(format!("PENSTOCK_ENDPOINT is `{}`: {way_out}", endpoint.escape_debug()))
                })?;
                Ok(endpoint_of(url))
            }
            (None, Some(stack)) => Ok(Target::Stack(stack)),
            (None, None) => Ok(Target::Plain(LOCAL.to_owned())),
        }
    }
}

/// Whether `url` is one that API Gateway gives: `https://ID.execute-api.REGION.amazonaws.com`.
fn is_execute_api(url: &str) -> bool {
    let url = reqwest::Url::parse(url).ok();
    url.as_ref().and_then(reqwest::Url::host_str).is_some_and(|host| {
        host.contains(".execute-api.")
            && (host.ends_with(".amazonaws.com") || host.ends_with(".amazonaws.com.cn"))
    })
}

/// A variable of the environment that is set and not empty.
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

#[cfg(feature = "aws")]
async fn api(endpoint: &str) -> anyhow::Result<Client> {
    crate::aws::installation::client_of(&crate::aws::sdk().await?, endpoint)
}

#[cfg(feature = "aws")]
async fn stack(name: &str) -> anyhow::Result<Client> {
    crate::aws::installation::Installation::find(name).await?.client()
}

#[cfg(not(feature = "aws"))]
async fn api(endpoint: &str) -> anyhow::Result<Client> {
    Err(super::elsewhere::without_aws(&format!("{endpoint} takes signed requests only")))
}

#[cfg(not(feature = "aws"))]
async fn stack(name: &str) -> anyhow::Result<Client> {
    Err(super::elsewhere::without_aws(&format!("the stack `{name}` is on AWS")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(endpoint: Option<&str>, stack: Option<&str>) -> Server {
        Server { endpoint: endpoint.map(str::to_owned), stack: stack.map(str::to_owned), sign: false }
    }

    fn target(server: &Server, endpoint: Option<&str>, stack: Option<&str>) -> Target {
        server.target(endpoint.map(str::to_owned), stack.map(str::to_owned)).unwrap()
    }

    #[test]
    fn the_command_line_goes_before_the_environment() {
        let plain = |url: &str| Target::Plain(url.into());
        assert_eq!(target(&server(None, None), None, None), plain(LOCAL));
        assert_eq!(target(&server(None, None), Some("http://e"), None), plain("http://e"));
        assert_eq!(target(&server(None, None), None, Some("s")), Target::Stack("s".into()));
        assert_eq!(target(&server(Some("http://x"), None), Some("http://e"), Some("s")), plain("http://x"));
        assert_eq!(target(&server(None, Some("x")), Some("http://e"), Some("s")), Target::Stack("x".into()));
        let both = server(None, None).target(Some("http://e".into()), Some("s".into()));
        assert!(both.unwrap_err().to_string().contains("unset one"));
    }

    #[test]
    fn requests_to_api_gateway_are_signed() {
        for url in [
            "https://a1.execute-api.eu-west-1.amazonaws.com",
            "https://a1.execute-api.cn-north-1.amazonaws.com.cn/x",
        ] {
            assert_eq!(target(&server(Some(url), None), None, None), Target::Api(url.into()));
        }
        for url in
            ["https://execute-api.example.com", "https://a1.execute-api.eu-west-1.amazonaws.com.evil.example"]
        {
            assert_eq!(target(&server(Some(url), None), None, None), Target::Plain(url.into()));
        }
        let own = Server { sign: true, ..server(Some("https://penstock.example.com"), None) };
        assert_eq!(target(&own, None, None), Target::Api("https://penstock.example.com".into()));
    }
}
