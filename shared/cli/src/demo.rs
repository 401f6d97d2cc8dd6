//! The demo: a project, a server, a signed push, an approval, a deployed page.

use std::path::Path;

use console::style;
use penstock_app::engine::state::ExecutionStatus;
use penstock_model::definition;

use crate::client::Client;
use crate::exit::{Exit, Failure};
use crate::follow::{Approvals, Follow, OnInterrupt};
use crate::keyboard::Keyboard;
use crate::nonce;
use crate::reach::{Reach, me};
use crate::server::{Options, Server};
use crate::show::glyph::Look;
use crate::show::{out, short};

mod address;
mod git;
mod next;
mod page;
mod project;
mod push;

use address::Address;
use penstock_local::settings::Settings;
use push::Delivered;

/// Plays the demo in `dir`.
pub(crate) async fn play(dir: Option<&Path>, yes: bool) -> anyhow::Result<Exit> {
    let folder = project::folder(dir)?;
    project::write(&folder)?;
    step("a small web project", &folder.display().to_string())?;
    let secret = nonce::secret()?;
    let server = start(&folder, &secret).await?;
    step("a server", &server.url)?;
    let address = Address { endpoint: server.url.clone(), secret };
    address.save(&folder)?;
    let exit = watch(&server, &address, &folder, yes).await;
    server.shut_down().await;
    exit
}

/// Announces the latest commit of the demo's project in `folder` to its server.
pub(crate) async fn announce(folder: &Path) -> anyhow::Result<Exit> {
    let address = Address::load(folder)?;
    let client = Client::new(&address.endpoint)?;
    let delivered = push::announce(&client, folder, &address.secret).await?;
    out::line(format!(
        "Announced {}: it starts execution {}",
        short(&delivered.commit),
        delivered.execution
    ))?;
    Ok(Exit::Succeeded)
}

async fn start(folder: &Path, secret: &str) -> anyhow::Result<Server> {
    let mut settings = Settings::new(folder.join(".penstock"));
    settings.repository = Some(folder.to_owned());
    let options = Options {
        listen: ([127, 0, 0, 1], 0).into(),
        settings,
        base_url: None,
        secrets: vec![secret.to_owned()],
    };
    Server::start(options).await
}

async fn watch(server: &Server, address: &Address, folder: &Path, yes: bool) -> anyhow::Result<Exit> {
    let Some(pipeline) = definition::parse(project::DEFINITION).pipeline else {
        return Err(Failure::new(Exit::Failed, "the demo's own definition does not pass").into());
    };
    let stages = pipeline.stages.iter().map(|stage| stage.name.as_str()).collect::<Vec<_>>().join(" → ");
    server.machine.control.apply(pipeline, &me()).await?;
    step(&format!("its pipeline {}", project::NAME), &stages)?;

    let client = Client::new(&address.endpoint)?;
    let delivered = push::announce(&client, folder, &address.secret).await?;
    let answer = format!("POST /webhooks/github answers {}", delivered.status);
    step(&format!("a signed push of {}", short(&delivered.commit)), &answer)?;
    out::line("")?;

    let mut keyboard = Keyboard::default();
    let exit = follow(&client, &delivered, yes, &mut keyboard).await?;
    if exit == Exit::Succeeded {
        arrived(&client, &address.endpoint).await?;
    }
    if yes {
        if exit == Exit::Succeeded {
            out::line(format!("DEPLOYED {} {}", page::url(&address.endpoint), delivered.commit))?;
        }
        return Ok(exit);
    }
    if client.execution(&delivered.pipeline, Some(&delivered.execution)).await?.status
        == ExecutionStatus::Stopped
    {
        // Whoever pressed Ctrl-C has seen enough.
        return Ok(exit);
    }
    next::stay(&client, address, folder, &delivered, &mut keyboard).await?;
    Ok(exit)
}

async fn follow(
    client: &Client,
    delivered: &Delivered,
    yes: bool,
    keyboard: &mut Keyboard,
) -> anyhow::Result<Exit> {
    let approvals = match (yes, out::can_ask()) {
        (true, _) => Approvals::Approve,
        (false, true) => Approvals::Ask,
        (false, false) => Approvals::Leave,
    };
    let follow = Follow {
        reach: client,
        pipeline: &delivered.pipeline,
        execution: &delivered.execution,
        approvals,
        on_interrupt: OnInterrupt::StopExecution,
        quiet: false,
    };
    follow.until_the_end(keyboard).await
}

/// Fetches the deployed page and shows its line.
async fn arrived(client: &Client, endpoint: &str) -> anyhow::Result<()> {
    let line = page::headline(client).await?;
    out::line("")?;
    out::line(format!("{} {} says", Look::Good.sign(None), style(page::url(endpoint)).underlined()))?;
    out::line(format!("    “{}”", style(line).bold()))?;
    out::line("")?;
    Ok(())
}

fn step(what: &str, detail: &str) -> anyhow::Result<()> {
    out::line(format!("{} {what:28} {}", Look::Good.sign(None), style(detail).dim()))?;
    Ok(())
}
