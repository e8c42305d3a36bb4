//! What is left of the limits of a running host.

use std::time::Duration;

use anyhow::Context;
use tidegate_limit::{Count, Counted, Decision, LimitId, Need, Take, Verdict};
use tidegate_pipeline::Pipeline;

use super::super::admin::Admin;
use crate::admin::limits::{Left, Peek, PeekAnswer, PeekTake};

/// What would become of takes now, says a running host.
pub fn ask(admin: &Admin, pipeline: &Pipeline, count: &Count) -> anyhow::Result<Counted> {
    let name = |id: LimitId| pipeline.edge().limits.get(id.0).map_or_else(String::new, |limit| limit.name.to_string());
    let takes = count.takes.iter().map(|take| PeekTake { limit: name(take.limit), key: take.key.to_string() });
    let answer = admin.post("/limits/peek", &Peek { takes: takes.collect() })?;
    let answer: PeekAnswer = serde_json::from_str(&answer).context("the host's answer cannot be read")?;
    Ok(foresee(count, &answer.takes))
}

/// What would become of takes if this is left.
fn foresee(count: &Count, left: &[Left]) -> Counted {
    let mut verdicts: Vec<_> = count.takes.iter().zip(left).map(|(take, left)| verdict(take, left)).collect();
    let refuses = |take: &Take, verdict: &Verdict| !take.is_shadow && !verdict.is_taken();
    let mut takes = count.takes.iter().zip(&verdicts);
    let spared: Vec<bool> = match count.need {
        Need::All if takes.any(|(take, verdict)| refuses(take, verdict)) => {
            verdicts.iter().map(Verdict::is_taken).collect()
        }
        Need::All => Vec::new(),
        Need::Any => {
            let first = takes.position(|(take, verdict)| !take.is_shadow && verdict.is_taken());
            let is_behind = |index| first.is_some_and(|first| index > first);
            count.takes.iter().enumerate().map(|(index, take)| !take.is_shadow && is_behind(index)).collect()
        }
    };
    for (verdict, _) in verdicts.iter_mut().zip(spared).filter(|(_, is_spared)| *is_spared) {
        verdict.decision = Decision::Spared;
    }
    Counted { verdicts }
}

fn verdict(take: &Take, left: &Left) -> Verdict {
    let reset = Duration::from_nanos(left.reset_ns);
    let decision = if !left.is_known {
        Decision::Down
    } else if left.remaining >= take.cost {
        Decision::Taken
    } else {
        // Exactly so by GCRA; about so by windows.
        let wait = (reset + take.quota.interval() * take.cost).saturating_sub(take.quota.tolerance());
        if wait <= take.max_delay { Decision::Delayed(wait) } else { Decision::Refused(wait - take.max_delay) }
    };
    let cost = if decision == Decision::Taken { take.cost } else { 0 };
    Verdict { decision, remaining: left.remaining.saturating_sub(cost), reset }
}
