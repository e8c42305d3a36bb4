//! Tests as libtest-mimic runs them.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::OnceLock;

use libtest_mimic::{Arguments, Trial};

use crate::manifest::{guest, host_binary};
use crate::{Host, Setup};

/// Tests mostly wait, so there are more of them at a time than cores.
const THREADS: usize = 8;

/// A test that needs these guests.
pub fn test(name: &str, guests: &[&str], run: impl FnOnce() + Send + 'static) -> Trial {
    test_with(name, guests.iter().map(|name| guest(name)), run)
}

/// A test that needs these files. Where one is missing, the test is ignored, and its kind says why.
pub fn test_with(name: &str, mut files: impl Iterator<Item = PathBuf>, run: impl FnOnce() + Send + 'static) -> Trial {
    let trial = Trial::test(name, move || {
        run();
        Ok(())
    });
    match files.find(|file| !file.is_file()) {
        None => trial,
        Some(missing) => trial.with_kind(format!("needs {}: make guests", missing.display())).with_ignored_flag(true),
    }
}

/// A host that tests share; it starts with the first of them and is killed after the last.
pub struct Shared {
    setup: fn() -> Setup,
    host: OnceLock<Host>,
}

impl Shared {
    /// A host that is set up by `setup` when it is first wanted.
    pub fn new(setup: fn() -> Setup) -> Self {
        Self { setup, host: OnceLock::new() }
    }

    /// The host.
    pub fn host(&self) -> &Host {
        self.host.get_or_init(|| (self.setup)().start())
    }
}

/// Functions as tests, named after themselves: `tests!("theme", needs ["echo"], a, b)`. With `on SETUP` before
/// `needs` they share a host, and take it as their argument.
#[macro_export]
macro_rules! tests {
    ($theme:literal, needs $guests:expr, $($name:ident),* $(,)?) => {
        vec![$($crate::trial::test(concat!($theme, "::", stringify!($name)), &$guests, $name)),*]
    };
    ($theme:literal, on $setup:expr, needs $guests:expr, $($name:ident),* $(,)?) => {{
        let shared = ::std::sync::Arc::new($crate::trial::Shared::new($setup));
        vec![$({
            let shared = ::std::sync::Arc::clone(&shared);
            $crate::trial::test(concat!($theme, "::", stringify!($name)), &$guests, move || $name(shared.host()))
        }),*]
    }};
}

/// Runs the tests as the command line says.
pub fn run(tests: Vec<Trial>) -> ExitCode {
    let mut arguments = Arguments::from_args();
    arguments.test_threads.get_or_insert(THREADS);
    let binary = host_binary();
    if !binary.is_file() && !arguments.list {
        eprintln!("no host at {}: cargo build --bin tidegate, or set TIDEGATE_BIN", binary.display());
        return ExitCode::FAILURE;
    }
    libtest_mimic::run(&arguments, tests).exit_code()
}
