//! The build's shells over time: which one an item goes to, and what a new one takes over from the old.

use std::ffi::OsString;
use std::io;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

use penstock_process::Account;

use super::halt::Halt;
use super::script;
use super::shell::{Answer, NoAnswer, ShellProcess, ShellSpec};
use crate::definition::Version;
use crate::log::Log;

/// Runs items one after the other.
pub(super) struct Shells {
    version: Version,
    /// How the next shell starts.
    spec: ShellSpec,
    /// How the first shell of the build starts.
    first: ShellSpec,
    current: Option<ShellProcess>,
    started: usize,
}

impl Shells {
    pub(super) fn new(version: Version, spec: ShellSpec) -> Self {
        Self { version, first: spec.clone(), spec, current: None, started: 0 }
    }

    /// Starts a shell before there is anything to run. If that fails, it is tried again, and told of, when there is.
    pub(super) fn start(&mut self) {
        let introduced = self.shell().and_then(ShellProcess::introduce);
        if introduced.is_err()
            && let Some(shell) = self.current.take()
        {
            shell.remove_pipes();
        }
    }

    /// Runs one item of a command list.
    pub(super) async fn run(
        &mut self,
        text: &str,
        log: &mut Log,
        halt: &mut Halt,
    ) -> Result<Answer, NoAnswer> {
        let answer = self.ask(&script::item(text), log, halt).await?;
        if self.version == Version::V0_1 {
            self.finish(log).await?;
            self.reset();
        }
        Ok(answer)
    }

    /// Sets a variable for everything that follows.
    pub(super) async fn export(
        &mut self,
        name: &str,
        value: &str,
        log: &mut Log,
        halt: &mut Halt,
    ) -> Result<(), NoAnswer> {
        for spec in [&mut self.spec, &mut self.first] {
            spec.environment.retain(|(other, _)| other != name);
            spec.environment.push((name.into(), value.into()));
        }
        if self.current.is_some() {
            self.ask(&script::item(&script::export(name, value)), log, halt).await?;
        }
        Ok(())
    }

    /// Expands variables and `$(…)` in `text`, with the source directory as the working directory; `None` if the
    /// shell cannot.
    pub(super) async fn expand(
        &mut self,
        text: &str,
        log: &mut Log,
        halt: &mut Halt,
    ) -> Result<Option<String>, NoAnswer> {
        if !text.contains(['$', '`', '\\']) {
            return Ok(Some(text.to_owned()));
        }
        let directory = self.first.directory.clone();
        let question = script::expansion(text, &directory, &self.shell()?.pipes);
        let answer = self.ask(&question, log, halt).await?;
        let expanded = String::from_utf8_lossy(&answer.content);
        Ok(expanded.strip_suffix('\n').filter(|_| answer.code == 0).map(str::to_owned))
    }

    /// The values of those of `names` that are set.
    pub(super) async fn values(
        &mut self,
        names: &[&str],
        log: &mut Log,
        halt: &mut Halt,
    ) -> Result<Vec<(String, String)>, NoAnswer> {
        let question = script::values(names, &self.shell()?.pipes);
        let answer = self.ask(&question, log, halt).await?;
        let mut texts =
            answer.content.split(|byte| *byte == 0).map(|text| String::from_utf8_lossy(text).into_owned());
        let mut values = Vec::new();
        while let (Some(name), Some(value)) = (texts.next(), texts.next()) {
            values.push((name, value));
        }
        Ok(values)
    }

    /// From here on, items run as `account`, with the directory and the variables that the present shell has.
    pub(super) async fn switch(
        &mut self,
        account: Option<Account>,
        log: &mut Log,
        halt: &mut Halt,
    ) -> Result<(), NoAnswer> {
        if self.spec.account == account {
            return Ok(());
        }
        if let Some(shell) = &self.current {
            let question = script::state(&shell.pipes);
            let answer = self.ask(&question, log, halt).await?;
            self.take_over(&answer.content);
            self.finish(log).await?;
        }
        let (home, user) = match &account {
            Some(account) => (Some(account.home.clone().into_os_string()), Some(account.name.clone().into())),
            None => (self.at_first("HOME"), self.at_first("USER")),
        };
        for (name, value) in [("HOME", home), ("USER", user)] {
            self.spec.environment.retain(|(other, _)| other != name);
            self.spec.environment.extend(value.map(|value| (name.into(), value)));
        }
        self.spec.account = account;
        Ok(())
    }

    fn at_first(&self, name: &str) -> Option<OsString> {
        self.first.environment.iter().find(|(other, _)| other == name).map(|(_, value)| value.clone())
    }

    fn take_over(&mut self, content: &[u8]) {
        let mut parts = content.split(|byte| *byte == 0);
        let directory = PathBuf::from(OsString::from_vec(parts.next().unwrap_or_default().to_vec()));
        let variables: Vec<_> = parts.filter_map(variable).collect();
        if directory.is_dir() && !variables.is_empty() {
            (self.spec.directory, self.spec.environment) = (directory, variables);
        }
    }

    /// Ends the present shell with all that it has left running.
    pub(super) async fn finish(&mut self, log: &mut Log) -> io::Result<()> {
        match self.current.take() {
            Some(shell) => shell.finish(log).await,
            None => Ok(()),
        }
    }

    /// The next shell starts as the first one of the build did, but as the present user.
    pub(super) fn reset(&mut self) {
        let account = self.spec.account.take();
        self.spec = ShellSpec { account, ..self.first.clone() };
    }

    async fn ask(&mut self, question: &str, log: &mut Log, halt: &mut Halt) -> Result<Answer, NoAnswer> {
        let asked = self.shell()?.ask(question, log, halt).await;
        if !matches!(&asked, Ok(Answer { gone: false, .. }))
            && let Some(shell) = self.current.take()
        {
            shell.remove_pipes();
        }
        asked
    }

    fn shell(&mut self) -> io::Result<&mut ShellProcess> {
        match &mut self.current {
            Some(shell) => Ok(shell),
            none => {
                self.started += 1;
                Ok(none.insert(ShellProcess::start(&self.spec, self.started)?))
            }
        }
    }
}

fn variable(text: &[u8]) -> Option<(OsString, OsString)> {
    let at = text.iter().position(|byte| *byte == b'=')?;
    Some((OsString::from_vec(text[..at].to_vec()), OsString::from_vec(text[at + 1..].to_vec())))
}
