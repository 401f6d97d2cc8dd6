//! The machine in this process: its settings, and the GitHub source, which is no business of one machine's own.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use penstock_github::api::DEFAULT_BASE_URL;
use penstock_github::source::{GitHubSource, TOKEN_SECRET};
use penstock_local::machine::{Idle, Machine};
use penstock_local::registry::Further;
use penstock_local::secrets::MachineSecrets;
use penstock_local::settings::Settings;

use crate::endpoint::is_http;
use crate::exit::Failure;
use crate::show::notice;

/// The environment variable that names another GitHub API: an Enterprise server's, or a test's.
const GITHUB_API: &str = "PENSTOCK_GITHUB_API_URL";

/// Settings with the state in `dir` and the git working tree around the current folder.
pub(crate) fn settings(dir: &Path) -> anyhow::Result<Settings> {
    let mut settings = Settings::new(dir);
    settings.repository = Some(std::env::current_dir().context("cannot tell the current folder")?);
    Ok(settings)
}

/// `settings` with notices on standard error.
pub(crate) fn with_console(settings: Settings) -> Settings {
    Settings { console: Some(Arc::new(notice::show)), ..settings }
}

/// Starts the machine.
pub(crate) async fn start(settings: Settings) -> anyhow::Result<Machine> {
    Ok(open(settings).await?.take_up().await?)
}

/// Opens the machine, which takes nothing up yet.
pub(crate) async fn open(settings: Settings) -> anyhow::Result<Idle> {
    if settings.dir.exists() && !settings.dir.is_dir() {
        let dir = settings.dir.display();
        return Err(Failure::misused(format!(
            "{dir} is a file, and the state needs a folder there; move it away"
        ))
        .into());
    }
    keep_out_of_git(&settings.dir).with_context(|| format!("cannot use {}", settings.dir.display()))?;
    let github = github(&settings)?;
    Ok(Machine::open(settings, vec![github]).await?)
}

/// State is no part of anybody's commits, whatever their `.gitignore` says.
fn keep_out_of_git(dir: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(dir)?;
    let file = dir.join(".gitignore");
    if file.exists() { Ok(()) } else { std::fs::write(file, "*\n") }
}

fn github(settings: &Settings) -> anyhow::Result<Further> {
    // A second installation of the same provider is refused and changes nothing.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let base_url = std::env::var(GITHUB_API).unwrap_or_else(|_| DEFAULT_BASE_URL.to_owned());
    if !is_http(&base_url) {
        return Err(Failure::misused(format!(
            "{GITHUB_API} is `{}`, which is no address of an API; write https://HOST/api/v3, or unset it for github.com",
            base_url.escape_debug()
        ))
        .into());
    }
    let objects = Arc::new(Machine::artifacts(&settings.dir)?);
    let secrets = MachineSecrets::new(&settings.dir).or_in(&settings.further_files);
    let source = GitHubSource::new(base_url, Arc::new(secrets), objects.clone(), objects);
    let source = source.with_token_from(TOKEN_SECRET);
    Ok(Further { serves: Box::new(GitHubSource::serves), provider: Arc::new(source) })
}
