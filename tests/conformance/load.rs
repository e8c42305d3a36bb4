//! Reads the cases, and refuses those that do not make sense.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;

use crate::SHELLS;
use crate::case::{Case, Down, Exchange, Need, Origin, Sent, Then};

/// The stages of a request: the folders of cases.
pub const STAGES: [&str; 10] =
    ["checks", "client", "route", "split", "rewrite", "limit", "cache", "proxy", "faults", "respond"];

/// Time that a shell without a clock of its own waits for. What takes longer is not tried there.
pub const WAIT_MAX: Duration = Duration::from_secs(2);

/// A case and where it is.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// `STAGE/WHAT`, as in `proxy/hop-by-hop`.
    pub name: String,
    /// The file, as messages name it.
    pub file: String,
    /// What it says.
    pub case: Case,
    /// The configuration, its lines numbered as in the file.
    pub edge: String,
}

/// All cases, in the order of their names.
///
/// # Errors
/// Everything that is wrong with them, each with its file and line.
pub fn load(folder: &Path) -> Result<Vec<Loaded>, String> {
    let (mut cases, mut errors) = (Vec::new(), String::new());
    for path in files(folder) {
        let within = path.strip_prefix(folder).expect("it was found there");
        match load_one(&path, &within.with_extension("").display().to_string()) {
            Ok(case) => cases.push(case),
            Err(error) => {
                let _ = writeln!(errors, "{error}");
            }
        }
    }
    if errors.is_empty() { Ok(cases) } else { Err(errors) }
}

/// What is known to fail until somebody decides.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Known {
    /// The case.
    pub case: String,
    /// The shells in which it fails.
    pub shells: Vec<String>,
    /// What happens, and what there is to decide.
    pub why: String,
}

/// The list of what is known to fail.
///
/// # Errors
/// When it cannot be read, or names a case that is not there.
pub fn known(file: &Path, cases: &[Loaded]) -> Result<Vec<Known>, String> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct List {
        #[serde(default)]
        known: Vec<Known>,
    }
    let text = std::fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
    let list: List = toml::from_str(&text).map_err(|error| format!("{}: {error}", file.display()))?;
    let is_there = |known: &&Known| {
        cases.iter().any(|case| case.name == known.case) && known.shells.iter().all(|name| is_shell(name))
    };
    match list.known.iter().find(|known| !is_there(known)) {
        Some(known) => Err(format!("{}: there is no such case or shell: {known:?}", file.display())),
        None => Ok(list.known),
    }
}

fn is_shell(name: &str) -> bool {
    SHELLS.iter().any(|shell| shell.name() == name)
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let entries = std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    for entry in entries {
        let path = entry.expect("an entry of a folder").path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn load_one(path: &Path, name: &str) -> Result<Loaded, String> {
    let file = format!("cases/{name}.toml");
    let stage = name.split_once('/').map_or("", |(stage, _)| stage);
    if !STAGES.contains(&stage) || path.extension().is_none_or(|extension| extension != "toml") {
        return Err(format!("{file}: cases are cases/STAGE/WHAT.toml, where STAGE is one of {}", STAGES.join(", ")));
    }
    let text = std::fs::read_to_string(path).map_err(|error| format!("{file}: {error}"))?;
    let case: Case = toml::from_str(&text).map_err(|error| describe(&file, &text, &error))?;
    check(&case).map_err(|message| format!("{file}: {message}"))?;
    // The text of a string in ''' begins on the next line.
    let before = &text[..case.edge.span().start];
    let starts_below = text[case.edge.span()].starts_with("'''\n");
    let lines = before.matches('\n').count() + usize::from(starts_below);
    let edge = "\n".repeat(lines) + case.edge.get_ref();
    Ok(Loaded { name: name.to_owned(), file, case, edge })
}

/// `FILE:LINE: what is wrong`.
fn describe(file: &str, text: &str, error: &toml::de::Error) -> String {
    let at = error.span().map_or(0, |span| span.start);
    let line = text.get(..at).unwrap_or(text).matches('\n').count() + 1;
    format!("{file}:{line}: {}", error.message())
}

fn check(case: &Case) -> Result<(), String> {
    if !["RFC", "draft-", "edge.toml", "issue"].iter().any(|source| case.about.contains(source)) {
        return Err("about names the RFC or draft and section, or the part of edge.toml, that says so".to_owned());
    }
    if let Some(other) = case.except.keys().find(|name| !is_shell(name)) {
        return Err(format!("except: there is no shell {other:?}"));
    }
    if case.exchanges.is_empty() {
        return Err("there is no [[exchange]]".to_owned());
    }
    case.exchanges.iter().try_for_each(check_exchange)
}

fn check_exchange(exchange: &Exchange) -> Result<(), String> {
    let request = &exchange.request;
    let wants_nothing = exchange.expect.sent == Sent::Nothing;
    let is_reachable = exchange.origin.iter().any(Origin::is_up);
    if exchange.expect.sent != Sent::BrokenOff && wants_nothing == is_reachable {
        return Err("an upstream that gets a request says in origin what it does, and sent = false without".to_owned());
    }
    if request.body.is_some() && request.chunks.is_some() {
        return Err("a request has a body or chunks".to_owned());
    }
    if !request.trailers.is_empty() && request.chunks.is_none() {
        return Err("trailers follow chunks".to_owned());
    }
    if exchange.has_others() && (exchange.origin.len() + exchange.later.len() != 1 || exchange.repeat != 1) {
        return Err("what happens meanwhile happens during one request".to_owned());
    }
    if exchange.waiting.iter().any(Exchange::has_others) {
        return Err("during a request that waits nothing else happens".to_owned());
    }
    exchange.meanwhile.iter().chain(&exchange.waiting).try_for_each(check_exchange)
}

impl Case {
    /// What a shell must be able to do for this case.
    pub fn all_needs(&self) -> BTreeSet<Need> {
        let mut needs: BTreeSet<Need> = self.needs.iter().copied().collect();
        self.exchanges.iter().for_each(|exchange| exchange.needs(&mut needs));
        for (need, word) in [(Need::Function, "function"), (Need::Compression, "compress"), (Need::Redis, "${REDIS}")] {
            if self.edge.get_ref().contains(word) {
                needs.insert(need);
            }
        }
        needs
    }
}

impl Exchange {
    /// Whether something happens while the upstream has its request.
    pub fn has_others(&self) -> bool {
        !self.meanwhile.is_empty() || !self.waiting.is_empty() || self.request.leaves
    }

    fn asks_whether_kept(&self) -> bool {
        matches!(&self.expect.sent, Sent::Request(request) if request.kept.is_some())
    }

    fn needs(&self, needs: &mut BTreeSet<Need>) {
        let request = &self.request;
        let origin = &self.origin;
        let shown = [
            (Need::ClientBytes, request.bytes.is_some()),
            (Need::Interim, request.waits),
            (Need::Tunnel, request.tunnel.is_some() || origin.iter().any(|origin| origin.tunnel.is_some())),
            (Need::ClientAddress, !request.from.is_loopback() || request.from.to_string() != "127.0.0.1"),
            (Need::UpstreamBytes, origin.iter().any(|origin| origin.bytes.is_some())),
            (Need::Connections, origin.iter().any(Origin::is_retried) || self.asks_whether_kept()),
            (Need::Time, self.advance > WAIT_MAX),
            (Need::Pieces, origin.iter().any(|origin| origin.in_halves)),
            (Need::SilentNetwork, origin.iter().any(|origin| origin.down == Down::Silent)),
        ];
        needs.extend(shown.into_iter().filter(|(_, is_needed)| *is_needed).map(|(need, _)| need));
        self.meanwhile.iter().chain(&self.waiting).for_each(|exchange| exchange.needs(needs));
    }
}

impl Origin {
    /// Whether a request may be sent once more because of it.
    fn is_retried(&self) -> bool {
        matches!(self.then, Some(Then::Close | Then::Reset)) && self.status.is_none()
    }
}
