//! RFC 9111 for a shared cache, sentence by sentence, and what belongs to it: tables of requests, of what an origin
//! answers, and of what the client gets. How a line is read: see [`script`]. What runs it: see [`model`].

mod age;
mod conditions;
mod control;
mod fields;
mod freshness;
mod head;
mod invalidation;
mod keys;
mod model;
mod parts;
mod requests;
mod reuse;
mod script;
mod stale;
mod status;
mod storing;
mod targeted;
mod validation;
mod vary;

use model::Model;
use script::Step;
use tidegate_cache::Plan;

/// A case: the section and its rule in a few words, and what happens, a line each.
type Case = (&'static str, &'static str);

/// Runs cases, each with an empty cache; all that went wrong is said at once.
fn run(plan: &Plan, cases: &[Case]) {
    let wrong: Vec<_> = cases.iter().filter_map(|(rule, script)| wrong(plan, rule, script)).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn wrong(plan: &Plan, rule: &str, script: &str) -> Option<String> {
    let mut model = Model::new(plan.clone());
    script.lines().map(str::trim).filter(|line| !line.is_empty()).find_map(|line| {
        let step = Step::parse(line);
        let outcome = model.step(&step);
        let fault = step.fault(&outcome)?;
        Some(format!("{rule}\n    {line}\n    {fault}"))
    })
}
