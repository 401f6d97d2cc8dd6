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
    for line in suggestions(address, folder, &program(), &delivered.pipeline.to_string()) {
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

/// How this program is called: by name if the shell would find this very file.
fn program() -> String {
    let Ok(this) = std::env::current_exe() else {
        return "penstock".into();
    };
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path)
        .map(|folder| folder.join("penstock"))
        .find(|file| file.is_file());
    let same = found.and_then(|file| file.canonicalize().ok()) == this.canonicalize().ok();
    if same {
        "penstock".into()
    } else {
        quoted(&this.display().to_string())
    }
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

fn suggestions(address: &Address, folder: &Path, program: &str, pipeline: &str) -> Vec<String> {
    let title = |text: &str| format!("  {}", style(text).cyan());
    let push = |line: &str, message: &str| {
        format!(
            "    echo '{line}' > site/headline.txt && git commit -qam '{message}' && {program} demo --announce"
        )
    };
    vec![
        format!("{} In another terminal:", style("Try next.").bold()),
        String::new(),
        format!("    cd {}", quoted(&folder.display().to_string())),
        format!("    export PENSTOCK_ENDPOINT={}", address.endpoint),
        String::new(),
        title("Break the test: a headline must be a sentence"),
        push("no full stop", "Break the headline"),
        title("Mend it, push again, and approve"),
        push("The gate is open.", "Open the gate"),
        format!("    {program} approve {pipeline} --stage Approval --action GoLive"),
        title("Roll back what is deployed"),
        format!("    {program} rollback {pipeline} --stage Deploy --follow"),
        title("Look"),
        format!("    {program} history {pipeline}        or {}/", address.endpoint),
        String::new(),
        style("The server stays up and further executions appear here; Ctrl-C ends it.")
            .dim()
            .to_string(),
    ]
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
