//! The `penstock` program as a library: reads the command line, carries the command out, ends with the right exit code.

#[cfg(feature = "aws")]
mod aws;
mod client;
mod command;
mod definition;
mod demo;
mod endpoint;
mod exit;
mod follow;
mod in_process;
mod interrupt;
mod keyboard;
mod machine;
mod nonce;
mod reach;
mod server;
mod show;
mod tail;

use std::process::ExitCode;

use clap::Parser;

use crate::client::Refused;
use crate::command::Program;
use crate::exit::Exit;
use crate::show::{clean, diagnostics, out};

/// Carries out what the command line says, and says how the program ends.
pub fn run() -> ExitCode {
    out::honour_no_color();
    let program = Program::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => {
            out::note(format!("error: cannot start: {error}"));
            return Exit::Failed.into();
        }
    };
    let result = runtime.block_on(program.carry_out());
    // A thread that waits for the keyboard must not keep the program.
    runtime.shutdown_background();
    match result {
        Ok(exit) => exit.into(),
        Err(error) => report(&error).into(),
    }
}

/// Says what went wrong, in words, and how the program ends.
fn report(error: &anyhow::Error) -> Exit {
    if exit::is_closed_pipe(error) {
        return Exit::Succeeded;
    }
    let label = console::style("error:").for_stderr().red().bold();
    out::note(format!("{label} {}", clean::clean(&format!("{error:#}"))));
    if let Some(Refused { diagnostics }) = error.downcast_ref() {
        for diagnostic in diagnostics {
            out::note(format!("  {}", diagnostics::line(diagnostic)));
        }
        return Exit::Misused;
    }
    exit::of(error)
}

#[cfg(all(test, feature = "aws"))]
mod tests {
    use clap::CommandFactory;
    use clap::error::ErrorKind;

    use super::*;

    /// A line as a shell splits it, as far as README.md needs: quotes, and what follows a `#`.
    fn words(line: &str) -> Vec<String> {
        let (mut words, mut word, mut quoted) = (vec![], String::new(), false);
        for character in line.chars() {
            match character {
                '\'' => quoted = !quoted,
                '#' if !quoted && word.is_empty() => break,
                ' ' if !quoted => words.push(std::mem::take(&mut word)),
                other => word.push(other),
            }
        }
        words.push(word);
        words.retain(|word| !word.is_empty());
        words
    }

    /// Each command of README.md that begins with `penstock`: whole lines, and, as named in a sentence, what stands between
    /// backticks.
    fn commands(readme: &str) -> Vec<(&str, bool)> {
        let lines =
            readme.lines().filter(|line| line.starts_with("    ")).flat_map(|line| line.split(" && "));
        let lines = lines.map(str::trim).filter(|line| line.starts_with("penstock "));
        let prose = readme.lines().filter(|line| !line.starts_with("    "));
        let inline = prose.flat_map(|line| line.split('`').skip(1).step_by(2));
        let inline = inline.filter(|text| text.starts_with("penstock "));
        lines.map(|line| (line, false)).chain(inline.map(|text| (text, true))).collect()
    }

    #[test]
    fn the_commands_of_the_readme_are_the_programs() {
        let readme = include_str!("../../../README.md");
        let commands = commands(readme);
        assert!(commands.len() > 40, "{commands:?}");
        for (command, is_named) in commands {
            let mut words = words(command);
            // What may be left out stands in brackets.
            words.retain(|word| !word.starts_with('['));
            // What is only named in a sentence lacks what it is about.
            let lacks = |error: &clap::Error| error.kind() == ErrorKind::MissingRequiredArgument;
            let parse = |words: &[String]| Program::command().try_get_matches_from(words);
            // The stack is told once, by the environment.
            let with_stack = [&words[..], &["--stack".to_owned(), "penstock-dev".to_owned()]].concat();
            if let Err(error) = parse(&words).or_else(|error| parse(&with_stack).map_err(|_| error)) {
                assert!(
                    is_named && lacks(&error) || command.contains(" SHELL"),
                    "README.md: {command}: {error}"
                );
            }
        }
    }
}
