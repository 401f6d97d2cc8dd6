//! The page that the demo deployed, as a visitor gets it.

use reqwest::Method;

use super::project::NAME;
use crate::client::Client;
use crate::exit::{Exit, Failure};
use crate::show::clean::clean;

/// Where the page is.
pub(super) fn url(endpoint: &str) -> String {
    format!("{endpoint}/sites/{NAME}/")
}

/// Fetches the page and finds its headline.
pub(super) async fn headline(client: &Client) -> anyhow::Result<String> {
    let page = client.send(client.request(Method::GET, &format!("/sites/{NAME}/"))).await?.text().await?;
    let line =
        page.split_once("<h1>").and_then(|(_, rest)| rest.split_once("</h1>")).map(|(line, _)| clean(line));
    line.ok_or_else(|| Failure::new(Exit::Failed, "the deployed page has no headline").into())
}
