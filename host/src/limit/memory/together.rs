//! All that a request takes, of all its limits: all or nothing, while others take of the same.

use tidegate_limit::{Count, Counted, Decision, LimitId, Moment, Need, Take, Verdict};

use super::Memory;

/// Takes all of a request's takes, as [`tidegate_limit::count`] does. `memory` has the keys of a limit; of one without,
/// nobody knows.
///
/// Where more than one has to let a request through, they are asked before anything is taken. If one refuses nevertheless,
/// for others were faster, what was taken until then is given back; for so long others see less than there is, never
/// more.
pub fn take_all<'m>(count: &Count, memory: impl Fn(LimitId) -> Option<&'m Memory>, now: Moment) -> Counted {
    let together = Together { memory, now };
    let verdicts = match count.need {
        Need::All => together.all(&count.takes),
        Need::Any => together.any(&count.takes),
    };
    Counted { verdicts }
}

struct Together<F> {
    memory: F,
    now: Moment,
}

impl<'m, F: Fn(LimitId) -> Option<&'m Memory>> Together<F> {
    fn all(&self, takes: &[Take]) -> Vec<Verdict> {
        if let [take] = takes {
            return vec![self.take(take)];
        }
        // The first need not be asked: if it refuses, nothing was taken yet.
        for (place, take) in enforced(takes).skip(1) {
            let asked = self.ask(take);
            if is_refused(&asked) {
                return self.refused(takes, place, asked);
            }
        }
        let mut verdicts = vec![Verdict::DOWN; takes.len()];
        for (place, take) in enforced(takes) {
            verdicts[place] = self.take(take);
            if is_refused(&verdicts[place]) {
                self.give_back(&takes[..place], &verdicts);
                return self.refused(takes, place, verdicts[place]);
            }
        }
        self.take_shadows(takes, &mut verdicts);
        verdicts
    }

    fn any(&self, takes: &[Take]) -> Vec<Verdict> {
        let mut verdicts = vec![Verdict::DOWN; takes.len()];
        let mut is_enough = enforced(takes).next().is_none();
        for (place, take) in enforced(takes) {
            verdicts[place] = if is_enough { self.peek(take) } else { self.take(take) };
            is_enough |= verdicts[place].is_taken();
        }
        if is_enough {
            self.take_shadows(takes, &mut verdicts);
        } else {
            for (verdict, take) in verdicts.iter_mut().zip(takes).filter(|(_, take)| take.is_shadow) {
                *verdict = self.ask(take);
            }
        }
        verdicts
    }

    /// One has refused, whatever it would say now. What do the others say?
    fn refused(&self, takes: &[Take], place: usize, verdict: Verdict) -> Vec<Verdict> {
        let mut verdicts: Vec<Verdict> = takes.iter().map(|take| self.ask(take)).collect();
        verdicts[place] = verdict;
        verdicts
    }

    fn take_shadows(&self, takes: &[Take], verdicts: &mut [Verdict]) {
        for (take, verdict) in takes.iter().zip(verdicts).filter(|(take, _)| take.is_shadow) {
            *verdict = self.take(take);
        }
    }

    fn give_back(&self, takes: &[Take], verdicts: &[Verdict]) {
        for (take, _) in takes.iter().zip(verdicts).filter(|(_, verdict)| verdict.is_taken()) {
            if let Some(memory) = (self.memory)(take.limit) {
                memory.give_back(&take.key, &take.quota, self.now, self.now, take.cost);
            }
        }
    }

    fn take(&self, take: &Take) -> Verdict {
        self.with(take, |memory| memory.take(&take.key, &take.quota, self.now, take.cost, take.max_delay))
    }

    fn ask(&self, take: &Take) -> Verdict {
        self.with(take, |memory| memory.ask(&take.key, &take.quota, self.now, take.cost, take.max_delay))
    }

    fn peek(&self, take: &Take) -> Verdict {
        self.with(take, |memory| memory.peek(&take.key, &take.quota, self.now))
    }

    fn with(&self, take: &Take, ask: impl FnOnce(&Memory) -> Verdict) -> Verdict {
        (self.memory)(take.limit).map_or(Verdict::DOWN, ask)
    }
}

/// Those that are not in shadow, with their places.
fn enforced(takes: &[Take]) -> impl Iterator<Item = (usize, &Take)> {
    takes.iter().enumerate().filter(|(_, take)| !take.is_shadow)
}

fn is_refused(verdict: &Verdict) -> bool {
    matches!(verdict.decision, Decision::Refused(_))
}
