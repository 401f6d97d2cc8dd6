//! What to try after the demo, and the server that stays up for it.

use std::path::Path;
use std::time::Duration;

use console::style;
use penstock_model::id::ExecutionId;

use super::address::Address;
use super::push::Delivered;
use super::{arrived, follow};
use crate::client::Client;
use crate::exit::Exit;
use crate::interrupt::Interrupts;
use crate::keyboard::Keyboard;
use crate::reach::Reach;
use crate::show::out;

/// Between two looks for a new execution.
const TICK: Duration = Duration::from_millis(200);

/// Says what to try, then shows every further execution until Ctrl-C.
pub(super) async fn stay(
    client: &Client,
    address: &Address,
    folder: &Path,
    delivered: &Delivered,
    keyboard: &mut Keyboard,
) -> anyhow::Result<()> {
    for line in suggestions(address, folder, delivered.pipeline.as_str()) {
        out::line(line)?;
    }
    let mut seen = delivered.execution.clone();
    let mut interrupts = Interrupts::listen()?;
    loop {
        tokio::select! {
            () = interrupts.next() => return Ok(()),
            next = next(client, delivered, &seen) => {
                seen = next?;
                let delivered = Delivered { execution: seen.clone(), ..delivered.clone() };
                out::line("")?;
                if follow(client, &delivered, false, keyboard).await? == Exit::Succeeded {
                    arrived(client, &address.endpoint).await?;
                }
                // The Ctrl-C that stopped an execution does not also end the server.
                interrupts = Interrupts::listen()?;
            }
        }
    }
}

/// The next execution after `seen`.
async fn next(client: &Client, delivered: &Delivered, seen: &ExecutionId) -> anyhow::Result<ExecutionId> {
    loop {
        let latest = client.execution(&delivered.pipeline, None).await?.execution_id;
        if latest != *seen {
            return Ok(latest);
        }
        tokio::time::sleep(TICK).await;
    }
}

/// The line that lets a shell find this very program as `penstock`, if it would not.
fn alias() -> Option<String> {
    let this = std::env::current_exe().ok()?;
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut found = std::env::split_paths(&path).map(|folder| folder.join("penstock"));
    let found = found.find(|file| file.is_file()).and_then(|file| file.canonicalize().ok());
    let different = found != this.canonicalize().ok();
    different.then(|| format!("alias penstock={}", quoted(&this.display().to_string())))
}

/// `text` as one word of a POSIX shell.
fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+:=@%".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

fn suggestions(address: &Address, folder: &Path, pipeline: &str) -> Vec<String> {
    let command = |text: String| format!("    {text}");
    let title = |text: &str| format!("  {}", style(text).cyan());
    let push = |line: &str, message: &str| {
        command(format!(
            "echo '{line}' > site/headline.txt && git commit -qam '{message}' && penstock demo --announce"
        ))
    };
    let mut lines = vec![format!("{} In another terminal:", style("Try next.").bold()), String::new()];
    lines.push(command(format!("cd {}", quoted(&folder.display().to_string()))));
    lines.extend(alias().map(command));
    lines.push(command(format!("export PENSTOCK_ENDPOINT={}", address.endpoint)));
    lines.extend([
        String::new(),
        title("Break the test: a headline must be a sentence"),
        push("no full stop", "Break the headline"),
        title("Mend it, push again, and approve"),
        push("The gate is open.", "Open the gate"),
        command(format!("penstock approve {pipeline} --stage Approval --action GoLive")),
        title("Roll back what is deployed"),
        command(format!("penstock rollback {pipeline} --stage Deploy --follow")),
        title("Look back, or in a browser"),
        command(format!("penstock history {pipeline}")),
        command(format!("{}/", address.endpoint)),
        String::new(),
        style("The server stays up and further executions appear here; Ctrl-C ends it.").dim().to_string(),
    ]);
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_for_a_shell_are_quoted_where_they_must_be() {
        assert_eq!(quoted("/tmp/demo-1"), "/tmp/demo-1");
        assert_eq!(quoted("/tmp/it's here"), r"'/tmp/it'\''s here'");
    }
}
