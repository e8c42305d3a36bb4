//! The command line.

mod admin;
mod build;
mod check;
mod explain;
mod limits;
mod logs;
mod new;
mod purge;
mod reload;
mod up;
mod watch;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::app::LoadError;

/// A programmable edge and a host for WebAssembly functions.
#[derive(Debug, Parser)]
#[command(name = "tidegate", version, about, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the application that spin.toml describes.
    Up(up::Options),
    /// Say all that is wrong with the configuration, and whether it does what it is expected to.
    Check(check::Options),
    /// Say what would become of a request, stage by stage, without sending it.
    Explain(explain::Options),
    /// Forget what a running host has stored of responses.
    Purge(purge::Options),
    /// Show what the limits of a running host have counted, or forget it.
    Limits(limits::Options),
    /// Make a new function: its crate, its test, its entry in spin.toml.
    New(new::Options),
}

/// Runs the command. Exit code 2 for what is wrong with the command line or a configuration, 1 for all else.
pub fn run() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Up(options) => up::run(options).map(|()| ExitCode::SUCCESS),
        Command::Check(options) => check::run(&options),
        Command::Explain(options) => explain::run(options).map(|()| ExitCode::SUCCESS),
        Command::Purge(options) => purge::run(options).map(|()| ExitCode::SUCCESS),
        Command::Limits(options) => limits::run(options).map(|()| ExitCode::SUCCESS),
        Command::New(options) => new::run(&options).map(|()| ExitCode::SUCCESS),
    };
    match outcome {
        Ok(code) => code,
        Err(error) => {
            for line in format!("{error:#}").lines() {
                eprintln!("tidegate: {line}");
            }
            ExitCode::from(if error.is::<LoadError>() { 2 } else { 1 })
        }
    }
}
