//! What children inherit of this process: where programs and homes are, and nothing that could be a secret.

use std::ffi::OsString;

/// The variables that are handed on.
const INHERITED: [&str; 9] = ["PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LC_ALL", "TMPDIR", "TZ"];

/// The variables that children inherit.
pub(crate) fn inherited() -> Vec<(OsString, OsString)> {
    let mut variables: Vec<(OsString, OsString)> =
        INHERITED.iter().filter_map(|name| Some(((*name).into(), std::env::var_os(name)?))).collect();
    if std::env::var_os("PATH").is_none() {
        variables.push(("PATH".into(), "/usr/local/bin:/usr/bin:/bin".into()));
    }
    variables
}
