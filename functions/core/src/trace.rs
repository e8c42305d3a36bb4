//! What was decided on a request's way, stage by stage: what `tidegate explain` shows.

use crate::Source;

/// One stage's decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The stage, by its name in the order of the pipeline: `client`, `route`, `cache`, `fetch`, …
    pub stage: &'static str,
    /// What it decided, for people.
    pub decision: String,
    /// The line of the configuration that made it so; none for what is built in.
    pub source: Option<Source>,
}

/// The decisions so far, or nothing when nobody asked: then it costs nothing either.
#[derive(Clone, Debug, Default)]
pub struct Trace(Option<Vec<Step>>);

impl Trace {
    /// A trace that keeps what is noted.
    pub fn kept() -> Self {
        Self(Some(Vec::new()))
    }

    /// Notes a decision, which is put into words only if somebody wants to read them.
    pub fn note(&mut self, stage: &'static str, source: Option<&Source>, decision: impl FnOnce() -> String) {
        if let Some(steps) = &mut self.0 {
            steps.push(Step { stage, decision: decision(), source: source.cloned() });
        }
    }

    /// The decisions, in the order in which they were made.
    pub fn steps(&self) -> &[Step] {
        self.0.as_deref().unwrap_or_default()
    }
}
