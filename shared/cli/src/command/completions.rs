//! `penstock completions`: what a shell needs to complete command lines.

use std::io::Write;

use clap::{Args, CommandFactory, ValueEnum};

use super::Program;
use crate::exit::Exit;

/// Print a completion script for a shell
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  penstock completions bash > ~/.local/share/bash-completion/completions/penstock
  penstock completions zsh > ~/.zfunc/_penstock
  penstock completions fish > ~/.config/fish/completions/penstock.fish")]
pub(crate) struct Completions {
    shell: Shell,
}

/// A shell that can complete.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Shell {
    Bash,
    Zsh,
    Fish,
}

impl Completions {
    /// Prints the script.
    pub(super) fn carry_out(self) -> anyhow::Result<Exit> {
        let shell = match self.shell {
            Shell::Bash => clap_complete::Shell::Bash,
            Shell::Zsh => clap_complete::Shell::Zsh,
            Shell::Fish => clap_complete::Shell::Fish,
        };
        let mut script = vec![];
        clap_complete::generate(shell, &mut Program::command(), "penstock", &mut script);
        std::io::stdout().lock().write_all(&script)?;
        Ok(Exit::Succeeded)
    }
}
