//! Executions as people name them: by their id, or by its beginning as every command shows it.

use penstock_app::view::ExecutionView;
use penstock_model::id::{ExecutionId, PipelineName};

use super::Client;
use crate::command::pipelines;
use crate::exit::Failure;

/// The shortest beginning of an id that is looked for.
const SHORTEST: usize = 4;
/// How many executions of a pipeline are searched, newest first.
const LOOK_BACK: usize = 200;

/// The execution whose id is, or begins with, `text`: of `pipeline`, or of any.
///
/// # Errors
/// [`Failure`] if there is none, or more than one.
pub(crate) async fn named(
    client: &Client,
    pipeline: Option<&PipelineName>,
    text: &str,
) -> anyhow::Result<ExecutionId> {
    if let Ok(id) = text.parse() {
        return Ok(id);
    }
    let is_beginning = text.len() >= SHORTEST && text.bytes().all(|b| b == b'-' || b.is_ascii_hexdigit());
    if !is_beginning {
        let text = text.escape_debug();
        let message =
            format!("`{text}` is no execution's id, nor {SHORTEST} or more of its first characters");
        return Err(Failure::misused(message).into());
    }
    let searched = match pipeline {
        Some(pipeline) => vec![pipeline.clone()],
        None => pipelines(client).await?.into_iter().map(|listed| listed.name).collect(),
    };
    let mut found = vec![];
    for pipeline in searched {
        let path = format!("/penstock/v1/pipelines/{pipeline}/executions?limit={LOOK_BACK}");
        let views: Vec<ExecutionView> = client.get(&path).await?;
        found.extend(views.into_iter().map(|view| view.execution_id));
    }
    only(found, &text.to_ascii_lowercase())
}

fn only(known: Vec<ExecutionId>, beginning: &str) -> anyhow::Result<ExecutionId> {
    let mut found: Vec<_> = known.into_iter().filter(|id| id.as_str().starts_with(beginning)).collect();
    match (found.pop(), found.len()) {
        (Some(id), 0) => Ok(id),
        (None, _) => {
            let message = format!(
                "no recent execution's id begins with `{beginning}`; penstock history PIPELINE shows them"
            );
            Err(Failure::misused(message).into())
        }
        (Some(_), others) => {
            let message =
                format!("{} executions' ids begin with `{beginning}`; write more of it", others + 1);
            Err(Failure::misused(message).into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_beginning_names_one_execution() {
        let ids = ["2b1f0c3a-5d7e-4f60-8a91-b2c3d4e5f607", "2b1f1c3a-5d7e-4f60-8a91-b2c3d4e5f607"];
        let known = || ids.iter().map(|id| id.parse().unwrap()).collect();
        assert_eq!(only(known(), "2b1f1").unwrap().as_str(), ids[1]);
        assert!(only(known(), "2b1f").unwrap_err().to_string().starts_with("2 executions'"));
        assert!(only(known(), "ffff").unwrap_err().to_string().starts_with("no recent"));
    }
}
