//! How many revisions are kept.

use std::fs;
use std::io;
use std::path::Path;
use std::time::SystemTime;

use crate::deployment::DeploymentId;

/// With the current one (AWS `CodeDeploy` agent, `max_revisions`).
const MAX_REVISIONS: usize = 5;

/// Deletes the oldest deployments in `directory` so that, with the first of `kept`, at most five remain; `kept` are
/// never deleted.
pub(super) fn prune(directory: &Path, kept: &[DeploymentId]) -> io::Result<()> {
    let mut found: Vec<(SystemTime, DeploymentId)> = vec![];
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let id = entry.file_name().to_str().and_then(|name| DeploymentId::new(name).ok());
        if let Some(id) = id {
            found.push((entry.metadata()?.modified()?, id));
        }
    }
    found.sort();
    let present = kept.first().is_some_and(|current| found.iter().any(|(_, id)| id == current));
    let total = found.len() + usize::from(!present);
    let old = found.into_iter().map(|(_, id)| id).filter(|id| !kept.contains(id));
    for id in old.take(total.saturating_sub(MAX_REVISIONS)) {
        // What scripts have made unremovable is tried again next time; it is no reason not to deploy.
        let _tried_again = fs::remove_dir_all(directory.join(id.as_str()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_go_but_never_those_that_are_kept() {
        let dir = tempfile::tempdir().unwrap();
        let ids: Vec<_> = (0..8).map(|n| DeploymentId::derive(&n.to_string())).collect();
        for (age, id) in ids.iter().enumerate() {
            let path = dir.path().join(id.as_str());
            fs::create_dir(&path).unwrap();
            let time = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(age as u64);
            fs::File::open(&path).unwrap().set_modified(time).unwrap();
        }
        fs::create_dir(dir.path().join("something-else")).unwrap();
        let current = DeploymentId::derive("current");
        prune(dir.path(), &[current, ids[0].clone()]).unwrap();
        let left: Vec<_> = ids.iter().filter(|id| dir.path().join(id.as_str()).exists()).collect();
        assert_eq!(left, [&ids[0], &ids[5], &ids[6], &ids[7]]);
        assert!(dir.path().join("something-else").exists());
    }
}
