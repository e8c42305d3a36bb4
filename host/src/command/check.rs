//! `tidegate check`: all that is wrong with the configuration, and whether it does what it is expected to.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use serde_json::{Value, json};
use tidegate_edge_config::Diagnostic;
use tidegate_edge_config::edge::Edge;
use tidegate_pipeline::Pipeline;
use tidegate_pipeline::expect::{Mismatch, run_all};

use super::up::manifest_path;
use crate::app::{LoadError, Origin, check_functions, read_edge};

/// Options of `tidegate check`.
#[derive(Debug, Args)]
pub struct Options {
    /// The application manifest, or the folder it is in.
    #[arg(short = 'f', long = "from", value_name = "FILE", default_value = "spin.toml")]
    manifest: PathBuf,
    /// The edge's configuration; edge-config/edge.toml beside the manifest if not given.
    #[arg(long, value_name = "FILE")]
    edge: Option<PathBuf>,
    /// For programs.
    #[arg(long)]
    json: bool,
}

/// What was found.
#[derive(Default)]
struct Report {
    /// One line for each, of the manifest and of what it and the edge say of each other.
    manifest_errors: Vec<String>,
    errors: Vec<Diagnostic>,
    warnings: Vec<Diagnostic>,
    expectations: usize,
    mismatches: Vec<Mismatch>,
}

/// Checks, without a network and without components. Exit code 2 for errors, 1 for expectations that are not met.
pub fn run(options: &Options) -> anyhow::Result<ExitCode> {
    let origin = Origin { manifest: manifest_path(&options.manifest), edge: options.edge.clone() };
    let report = check(&origin);
    if options.json {
        println!("{:#}", report.to_json());
    } else {
        report.print();
    }
    Ok(report.exit_code())
}

fn check(origin: &Origin) -> Report {
    let mut report = Report::default();
    let manifest = origin.manifest().map_err(|LoadError(lines)| report.manifest_errors = lines).ok();
    let Some(path) = origin.edge() else { return report };
    match read_edge(&path) {
        Ok((edge, warnings)) => {
            report.warnings = warnings.into_iter().map(|warning| warning.0).collect();
            if let Some((manifest, _)) = manifest
                && let Err(LoadError(lines)) = check_functions(&edge, &manifest)
            {
                report.manifest_errors.extend(lines);
            }
            report.expect(edge);
        }
        Err(errors) => report.errors = errors.iter().cloned().collect(),
    }
    report
}

impl Report {
    fn expect(&mut self, edge: Edge) {
        self.expectations = edge.expects.len();
        self.mismatches = run_all(&Pipeline::new(edge));
    }

    fn exit_code(&self) -> ExitCode {
        if !self.errors.is_empty() || !self.manifest_errors.is_empty() {
            ExitCode::from(2)
        } else if !self.mismatches.is_empty() {
            ExitCode::FAILURE
        } else {
            ExitCode::SUCCESS
        }
    }

    fn print(&self) {
        for line in &self.manifest_errors {
            eprintln!("{line}");
        }
        for error in &self.errors {
            eprintln!("{error}");
        }
        for Diagnostic { file, position, path, message } in &self.warnings {
            eprintln!("{file}:{position}: warning: {path}: {message}");
        }
        for mismatch in &self.mismatches {
            eprintln!("{mismatch}");
        }
        let errors = self.errors.len() + self.manifest_errors.len();
        if errors > 0 {
            eprintln!("{errors} {}", if errors == 1 { "error" } else { "errors" });
        } else if self.mismatches.is_empty() {
            println!("all is well; {} expectations met", self.expectations);
        } else {
            eprintln!("{} of {} expectations not met", self.unmet(), self.expectations);
        }
    }

    /// An expectation may be wrong in several ways.
    fn unmet(&self) -> usize {
        let mut sources: Vec<_> = self.mismatches.iter().map(|mismatch| &mismatch.source).collect();
        sources.dedup();
        sources.len()
    }

    fn to_json(&self) -> Value {
        let diagnostics = |list: &[Diagnostic]| -> Vec<Value> {
            let one = |it: &Diagnostic| {
                json!({
                    "file": it.file,
                    "line": it.position.line,
                    "column": it.position.column,
                    "path": it.path,
                    "message": it.message,
                })
            };
            list.iter().map(one).collect()
        };
        let mismatches = self.mismatches.iter().map(|it| {
            json!({
                "source": it.source.to_string(),
                "request": it.request,
                "what": it.what,
                "expected": it.expected,
                "found": it.found,
            })
        });
        json!({
            "errors": diagnostics(&self.errors),
            "manifest_errors": self.manifest_errors,
            "warnings": diagnostics(&self.warnings),
            "expectations": { "total": self.expectations, "unmet": mismatches.collect::<Vec<_>>() },
        })
    }
}
