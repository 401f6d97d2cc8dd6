//! A server of a scenario, and the requests that are made to it.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use hmac::{Hmac, KeyInit, Mac};
use reqwest::{Client, RequestBuilder};
use sha2::Sha256;

/// The secret under which `deliver` signs.
const SECRET: &str = "the webhook's secret";

/// A `penstock up`.
pub(crate) struct Server {
    child: Child,
    /// What it printed first, without the word before it.
    pub(crate) url: String,
}

impl Server {
    /// Starts `penstock up` with `arguments` in `folder`, on a free port.
    pub(crate) fn start(program: &Path, folder: &Path, arguments: &[String]) -> Result<Self, String> {
        let mut child = Command::new(program)
            .args(["up", "--listen", "127.0.0.1:0"])
            .args(arguments)
            .current_dir(folder)
            .env("PENSTOCK_WEBHOOK_SECRET", SECRET)
            .env("USER", "operator")
            .env_remove("PENSTOCK_ENDPOINT")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| error.to_string())?;
        let mut line = String::new();
        let stdout = child.stdout.take().ok_or("no output")?;
        BufReader::new(stdout).read_line(&mut line).map_err(|error| error.to_string())?;
        match line.trim_end().strip_prefix("LISTENING ") {
            Some(url) => Ok(Self { child, url: url.to_owned() }),
            None => {
                let output = child.wait_with_output().map_err(|error| error.to_string())?;
                Err(format!("the server does not start:\n{line}{}", String::from_utf8_lossy(&output.stderr)))
            }
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Posts `body` as GitHub posts an event, signed.
pub(crate) fn deliver(url: &str, event: &str, id: &str, body: &str) -> Result<String, String> {
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).map_err(|error| error.to_string())?;
    mac.update(body.as_bytes());
    let signature = format!("sha256={}", hex::encode(mac.finalize().into_bytes()));
    answer(|client| {
        client
            .post(format!("{url}/webhooks/github"))
            .header("content-type", "application/json")
            .header("x-github-event", event)
            .header("x-github-delivery", id)
            .header("x-hub-signature-256", signature)
            .body(body.to_owned())
    })
}

/// Asks for a page, or posts the form `fields`.
pub(crate) fn http(method: &str, url: &str, fields: &[String]) -> Result<String, String> {
    let method = method.parse().map_err(|_| format!("`{method}` is no method"))?;
    let form = fields.iter().filter_map(|field| field.split_once('='));
    let form = form.map(|(name, value)| format!("{name}={}", encoded(value))).collect::<Vec<_>>().join("&");
    answer(|client| {
        let request = client.request(method, url);
        if form.is_empty() {
            return request;
        }
        request.header("content-type", "application/x-www-form-urlencoded").body(form)
    })
}

/// Percent-encodes everything but letters and digits.
fn encoded(value: &str) -> String {
    let byte = |byte: u8| match byte {
        b if b.is_ascii_alphanumeric() => char::from(b).to_string(),
        b => format!("%{b:02X}"),
    };
    value.bytes().map(byte).collect()
}

/// The status and, of JSON, all; of a page, what a reader sees.
fn answer(request: impl FnOnce(&Client) -> RequestBuilder) -> Result<String, String> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|e| e.to_string())?;
    runtime.block_on(async {
        let client = Client::builder().no_proxy().build().map_err(|error| error.to_string())?;
        let response = request(&client).send().await.map_err(|error| error.to_string())?;
        let status = response.status();
        let text = response.text().await.map_err(|error| error.to_string())?;
        Ok(format!("{status}\n{}", readable(&text)))
    })
}

fn readable(text: &str) -> String {
    match serde_json::from_str::<serde_json::Value>(text) {
        Ok(json) => format!("{}\n", serde_json::to_string_pretty(&json).unwrap_or_default()),
        Err(_) => page(text),
    }
}

/// The words of a page, a line for each line break or block.
fn page(html: &str) -> String {
    let body = html.split_once("<body").map_or(html, |(_, body)| body);
    let body = body.split_once('>').map_or(body, |(_, body)| body);
    let blocks = regex::Regex::new(r"(?s)<(script|style)[^>]*>.*?</(script|style)>|</?(p|div|h\d|li|tr|dt|dd|dl|section|header|main|footer|button|label|form|option|nav|article|pre|ol|ul|table)\b[^>]*>|<br[^>]*>").unwrap();
    let tags = regex::Regex::new(r"<[^>]*>").unwrap();
    let text = blocks.replace_all(body, "\n");
    let text = tags.replace_all(&text, " ");
    let text = text
        .replace("&quot;", "\"")
        .replace("&#39;", "'")
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&amp;", "&");
    let lines = text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
    lines.filter(|line| !line.is_empty()).map(|line| format!("{line}\n")).collect()
}
