//! What is fed to the build's shell: text for the shell, with everything foreign quoted.
//!
//! The shell reads its script from a named pipe (`commands`), one item after the other, and answers through another
//! one (`replies`). Named pipes rather than inherited descriptors, so that nothing leaks into commands.

use std::path::{Path, PathBuf};

use crate::definition::Shell;

/// Marks the end of a reply; what stands before it is the reply's content.
const END: &[u8] = b"\0penstock:";
const HERE: &str = "__PENSTOCK_END__";

/// The named pipes between a build and its shell.
#[derive(Debug, Clone)]
pub(super) struct Pipes {
    pub(super) commands: PathBuf,
    pub(super) replies: PathBuf,
    pub(super) output: PathBuf,
}

/// How the shell came to answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// The item ran to its end.
    Done,
    /// The item exited the shell; a new one has taken its place, with its directory and environment.
    Exited,
}

/// The first lines for a new shell. It must not inherit where an item had redirected input and output.
///
/// `exec` in the trap keeps the process, and with it background processes, exported variables and the directory.
pub(super) fn prelude(shell: Shell, pipes: &Pipes) -> String {
    let program = program(shell);
    let (commands, replies) = (quoted_path(&pipes.commands), quoted_path(&pipes.replies));
    let output = quoted_path(&pipes.output);
    format!(
        "exec </dev/null >{output} 2>&1\n\
         __penstock_reply() {{ [ -p {replies} ] && printf '\\0penstock:%s %s\\n' \"$1\" \"$2\" >{replies} || {{ trap - EXIT; exit 125; }}; }}\n\
         __penstock_again() {{ {{ set +x; __penstock_reply x \"$1\"; }} 2>/dev/null; exec {program} {commands}; }}\n"
    )
}

/// One item of a command list. All of it is one compound command: a shell reads it whole before it runs any of it.
///
/// Options are reset because each item has a script of its own in `CodeBuild`; variables are exported (`set -a`)
/// because they are seen by later items there. What the item has the shell say of itself (`set -v`, `set -x`) ends with
/// it: neither the answer nor the reading of the next item is told of.
pub(super) fn item(text: &str) -> String {
    format!(
        "{{ {{ set +efuvxC; }} 2>/dev/null; set -a; trap '{{ __penstock_again \"$?\"; }} 2>/dev/null' EXIT; eval {}\n\
         {{ __penstock_reply d \"$?\"; set +vx; }} 2>/dev/null; }}\n",
        quoted(text)
    )
}

/// Sets a variable before the next item.
pub(super) fn export(name: &str, value: &str) -> String {
    format!("export {name}={}\n", quoted(value))
}

/// Expands variables and `$(…)` in `text`, as in double quotes, within `directory`.
pub(super) fn expansion(text: &str, directory: &Path, pipes: &Pipes) -> String {
    let (directory, replies) = (quoted_path(directory), quoted_path(&pipes.replies));
    format!(
        "{{ {{ set +efuvxC; }} 2>/dev/null; trap '__penstock_again \"$?\"' EXIT; (cd {directory} && cat >{replies} <<{HERE}\n\
         {text}\n{HERE}\n) </dev/null; __penstock_reply d \"$?\"; }}\n"
    )
}

/// Asks for the values of those of `names` that are set: name and value, each behind a NUL.
pub(super) fn values(names: &[&str], pipes: &Pipes) -> String {
    let replies = quoted_path(&pipes.replies);
    let mut script = String::from("{ { set +efuvxC; } 2>/dev/null; ");
    for name in names {
        script +=
            &format!("[ -n \"${{{name}+set}}\" ] && printf '%s\\0%s\\0' {name} \"${name}\" >{replies}; ");
    }
    script + "__penstock_reply d 0; }\n"
}

/// Asks for the directory and the whole environment, each behind a NUL.
pub(super) fn state(pipes: &Pipes) -> String {
    let replies = quoted_path(&pipes.replies);
    format!(
        "{{ {{ set +efuvxC; }} 2>/dev/null; {{ printf '%s\\0' \"$PWD\"; command env -0; }} >{replies}; \
         __penstock_reply d \"$?\"; }}\n"
    )
}

/// Ends the shell.
pub(super) fn end() -> &'static str {
    "{ trap - EXIT; exit 0; }\n"
}

/// The program that runs commands.
pub(super) fn program(shell: Shell) -> &'static str {
    match shell {
        Shell::Bash => "bash",
        Shell::Sh | Shell::PowerShell | Shell::Cmd => "/bin/sh",
    }
}

/// Splits a complete reply into its content, how the item ended and the exit code.
pub(super) fn reply(received: &[u8]) -> Option<(&[u8], Ending, i32)> {
    let text = received.strip_suffix(b"\n")?;
    let at = text.windows(END.len()).rposition(|window| window == END)?;
    let (kind, code) = std::str::from_utf8(&text[at + END.len()..]).ok()?.split_once(' ')?;
    let ending = match kind {
        "d" => Ending::Done,
        "x" => Ending::Exited,
        _ => return None,
    };
    Some((&received[..at], ending, code.parse().ok()?))
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

fn quoted_path(path: &Path) -> String {
    quoted(&path.to_string_lossy())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies_are_taken_apart() {
        assert_eq!(reply(b"\0penstock:d 0\n"), Some((&b""[..], Ending::Done, 0)));
        assert_eq!(reply(b"A\x001\0\0penstock:x 7\n"), Some((&b"A\x001\0"[..], Ending::Exited, 7)));
        for partial in [&b""[..], b"\0penstock:d 0", b"\0penstock:", b"text\n"] {
            assert_eq!(reply(partial), None);
        }
    }

    #[test]
    fn quotes_cannot_be_left() {
        assert_eq!(quoted("it's '$(x)'"), r"'it'\''s '\''$(x)'\'''");
    }
}
