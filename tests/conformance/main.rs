//! The conformance suite: every case on every shell, a trial each. The cases are data, in `cases/`; see `README.md`.
//!
//! `cargo test -p tidegate-tests --test conformance -- --matrix` prints which cases hold where.

mod case;
mod host;
mod json;
mod load;
mod matrix;
mod origin;
mod pattern;
mod run;
mod shell;
mod simulated;
mod texts;
mod wire;

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use harness::Trial;

use load::{Known, Loaded};
use shell::Shell;

/// Where cases run: the columns of the table.
const SHELLS: [&dyn Shell; 2] = [&simulated::SimulatedShell, &host::HostShell];

fn main() -> ExitCode {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("conformance");
    let cases = match load::load(&folder.join("cases")) {
        Ok(cases) => cases,
        Err(errors) => {
            eprint!("{errors}");
            return ExitCode::FAILURE;
        }
    };
    let known = match load::known(&folder.join("known.toml"), &cases) {
        Ok(known) => known,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    };
    let pairs: Vec<Pair> = pairs(&cases, &known);
    if std::env::args().any(|argument| argument == "--matrix") {
        return matrix::print(&pairs);
    }
    let mut trials: Vec<Trial> = pairs.into_iter().filter_map(trial).collect();
    trials.push(Trial::test("conformance::patterns", || {
        pattern::check_self();
        texts::check_self();
        json::check_self();
        Ok(())
    }));
    harness::trial::run(trials)
}

/// A case and a shell.
struct Pair {
    case: Arc<Loaded>,
    shell: &'static dyn Shell,
    state: State,
}

/// Whether a case runs on a shell.
#[derive(Clone, Debug, PartialEq, Eq)]
enum State {
    Runs,
    /// The shell cannot do it, and why.
    Cannot(String),
    /// Something that it needs is not on this machine.
    Misses(String),
    /// It is known to fail, and why.
    Known(String),
}

fn pairs(cases: &[Loaded], known: &[Known]) -> Vec<Pair> {
    let mut pairs = Vec::new();
    for case in cases {
        let case = Arc::new(case.clone());
        for shell in SHELLS {
            let state = state(&case, shell, known);
            pairs.push(Pair { case: Arc::clone(&case), shell, state });
        }
    }
    pairs
}

fn state(case: &Loaded, shell: &dyn Shell, known: &[Known]) -> State {
    if let Some(why) = case.case.except.get(shell.name()) {
        return State::Cannot(why.clone());
    }
    if let Some(why) = case.case.all_needs().into_iter().find_map(|need| shell.lacks(need)) {
        return State::Cannot(why.to_owned());
    }
    if let Some(missing) = shell.misses(case) {
        return State::Misses(missing);
    }
    let known =
        known.iter().find(|known| known.case == case.name && known.shells.iter().any(|name| name == shell.name()));
    known.map_or(State::Runs, |known| State::Known(known.why.clone()))
}

/// The trial of a case on a shell; none where the shell cannot do it, which the table says.
fn trial(pair: Pair) -> Option<Trial> {
    let Pair { case, shell, state } = pair;
    let name = format!("conformance::{}::{}", shell.name(), case.name.replace('/', "::").replace('-', "_"));
    let trial = Trial::test(name, move || run::run(shell, &case).map_err(Into::into));
    match state {
        State::Runs => Some(trial),
        State::Cannot(_) => None,
        State::Misses(why) => Some(trial.with_kind(why).with_ignored_flag(true)),
        State::Known(why) => Some(trial.with_kind(format!("known: {why}")).with_ignored_flag(true)),
    }
}
