//! All that a request takes, of all its limits: all or nothing, while others take of the same.

use tidegate_limit::{Count, Counted, Decision, LimitId, Moment, Need, Take, Verdict};

use super::Memory;

/// Takes all of a request's takes, as [`tidegate_limit::count`] does. `memory` has the keys of a limit; of one without,
/// nobody knows.
///
/// Where more than one has to let a request through, nothing is taken before all have been asked. If one refuses
/// nevertheless, for others were faster, what was taken until then is given back; for so long others see less than there
/// is, never more.
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
        let is_one_of_several = takes.iter().filter(|take| !take.is_shadow).count() > 1;
        if is_one_of_several {
            let asked: Vec<Verdict> = takes.iter().map(|take| self.ask(take)).collect();
            if takes.iter().zip(&asked).any(|(take, asked)| !take.is_shadow && is_refused(asked)) {
                return self.refused(takes, asked);
            }
        }
        let mut verdicts = vec![Verdict::DOWN; takes.len()];
        for (place, take) in takes.iter().enumerate().filter(|(_, take)| !take.is_shadow) {
            verdicts[place] = self.take(take);
            if is_refused(&verdicts[place]) {
                self.give_back(&takes[..place], &verdicts);
                let mut asked: Vec<Verdict> = takes.iter().map(|take| self.ask(take)).collect();
                asked[place] = verdicts[place];
                return self.refused(takes, asked);
            }
        }
        self.take_shadows(takes, &mut verdicts);
        verdicts
    }

    fn any(&self, takes: &[Take]) -> Vec<Verdict> {
        let mut verdicts = vec![Verdict::DOWN; takes.len()];
        let mut is_enough = takes.iter().all(|take| take.is_shadow);
        for (take, verdict) in takes.iter().zip(&mut verdicts).filter(|(take, _)| !take.is_shadow) {
            *verdict = if is_enough { self.spare(take) } else { self.take(take) };
            is_enough |= verdict.is_taken();
        }
        if is_enough {
            self.take_shadows(takes, &mut verdicts);
            return verdicts;
        }
        for (take, verdict) in takes.iter().zip(&mut verdicts).filter(|(take, _)| take.is_shadow) {
            *verdict = self.ask(take);
        }
        self.refused(takes, verdicts)
    }

    /// Those that would not have refused are spared.
    fn refused(&self, takes: &[Take], asked: Vec<Verdict>) -> Vec<Verdict> {
        let of = |(take, asked): (&Take, Verdict)| if asked.is_taken() { self.spare(take) } else { asked };
        takes.iter().zip(asked).map(of).collect()
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
        self.with(take, |memory| memory.try_take(&take.key, &take.quota, self.now, take.cost, take.max_delay))
    }

    fn spare(&self, take: &Take) -> Verdict {
        self.with(take, |memory| memory.peek(&take.key, &take.quota, self.now))
    }

    fn with(&self, take: &Take, ask: impl FnOnce(&Memory) -> Verdict) -> Verdict {
        (self.memory)(take.limit).map_or(Verdict::DOWN, ask)
    }
}

fn is_refused(verdict: &Verdict) -> bool {
    matches!(verdict.decision, Decision::Refused(_))
}
