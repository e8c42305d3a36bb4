//! One request, counted by all of its limits: in memory first, for that costs nothing, then in Redis, in one round trip.
//! What is refused there gives back what was taken here.

use std::sync::Arc;
use std::{fmt, mem};

use tidegate_limit::{Algorithm, Count, Counted, Moment, Need, Quota, StoreKind, Take, Verdict, WhenDown};

use super::memory::take_all;
use super::redis::Order;
use super::{Counting, Limiters};

/// What a request has in flight. Dropped, it gives that back.
pub struct Permit {
    limiters: Arc<Limiters>,
    count: Arc<Count>,
    flying: Vec<Taken>,
}

/// Something that was taken.
#[derive(Clone, Copy, Debug)]
struct Taken {
    /// The place of the take.
    index: usize,
    place: Place,
    /// Of how much: in memory it may be a part of the quota.
    quota: Quota,
}

/// Where something is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Memory,
    Redis,
}

impl fmt::Debug for Permit {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Permit").field("flying", &self.flying).finish_non_exhaustive()
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        for taken in &self.flying {
            let take = &self.count.takes[taken.index];
            let Some(counting) = self.limiters.get(take.limit) else { continue };
            match (taken.place, &self.limiters.limits.redis) {
                (Place::Redis, Some(redis)) => redis.land(&counting.name, &take.key, &taken.quota, take.cost),
                _ => counting.memory().land(&take.key, take.cost),
            }
        }
    }
}

impl Limiters {
    /// Takes what a request costs, or nothing.
    pub async fn take(self: &Arc<Self>, count: &Arc<Count>) -> (Counted, Option<Permit>) {
        let mut counter = Counter { limiters: self, count, verdicts: Vec::new(), taken: Vec::new(), now: self.now() };
        if count.takes.iter().all(|take| self.place(take) == Place::Memory) {
            counter.in_memory_alone();
        } else {
            counter.in_both().await;
        }
        let verdicts = mem::take(&mut counter.verdicts);
        // From here on nothing is given back by itself but what is in flight.
        let mut taken = mem::take(&mut counter.taken);
        taken.retain(|taken| taken.quota.algorithm() == Algorithm::Concurrency);
        let permit = (!taken.is_empty()).then(|| {
            let (limiters, count) = (Arc::clone(self), Arc::clone(count));
            Permit { limiters, count, flying: taken }
        });
        (Counted { verdicts }, permit)
    }

    fn place(&self, take: &Take) -> Place {
        match self.get(take.limit).map(|counting| counting.store) {
            Some(StoreKind::Redis | StoreKind::Leases) if self.limits.redis.is_some() => Place::Redis,
            _ => Place::Memory,
        }
    }

    fn is_open(&self, take: &Take) -> bool {
        self.get(take.limit).is_none_or(|counting| counting.when_down != WhenDown::Closed)
    }
}

/// A count under way. Dropped before its end, for the client is gone, it gives back what it has taken.
struct Counter<'a> {
    limiters: &'a Limiters,
    count: &'a Count,
    verdicts: Vec<Verdict>,
    taken: Vec<Taken>,
    now: Moment,
}

/// Some of the takes of a count, by their places.
struct Part {
    indices: Vec<usize>,
    count: Count,
}

impl Counter<'_> {
    fn in_memory_alone(&mut self) {
        self.verdicts = take_all(self.count, |id| self.limiters.get(id).map(Counting::memory), self.now).verdicts;
        let takes = self.count.takes.iter().zip(&self.verdicts).enumerate();
        let taken = takes.filter(|(_, (_, verdict))| verdict.is_taken());
        self.taken.extend(taken.map(|(index, (take, _))| Taken { index, place: Place::Memory, quota: take.quota }));
    }

    async fn in_both(&mut self) {
        self.verdicts = vec![Verdict::SPARED; self.count.takes.len()];
        let mut is_enough = false;
        for (place, indices) in self.turns() {
            let part = self.part(indices, is_enough);
            if part.indices.is_empty() {
                continue;
            }
            let has_enforced = part.count.takes.iter().any(|take| !take.is_shadow);
            let passes = match place {
                Place::Memory => self.take_here(&part),
                Place::Redis => self.take_there(&part).await,
            };
            if self.count.need == Need::All && !passes {
                return self.give_back();
            }
            is_enough |= self.count.need == Need::Any && has_enforced && passes;
        }
    }

    /// What is asked when: where all are needed, memory before Redis; where one is enough, in their order, those together
    /// that follow each other in one place.
    fn turns(&self) -> Vec<(Place, Vec<usize>)> {
        let places = self.count.takes.iter().map(|take| self.limiters.place(take)).enumerate();
        let mut turns: Vec<(Place, Vec<usize>)> = match self.count.need {
            Need::All => vec![(Place::Memory, Vec::new()), (Place::Redis, Vec::new())],
            Need::Any => Vec::new(),
        };
        for (index, place) in places {
            let turn = match self.count.need {
                Need::All => turns.iter_mut().find(|(other, _)| *other == place),
                Need::Any => turns.last_mut().filter(|(last, _)| *last == place),
            };
            match turn {
                Some((_, indices)) => indices.push(index),
                None => turns.push((place, vec![index])),
            }
        }
        turns
    }

    /// What is counted in one turn. Where one quota is enough and was there, the others are not asked.
    fn part(&self, mut indices: Vec<usize>, is_enough: bool) -> Part {
        indices.retain(|index| self.count.takes[*index].is_shadow || !is_enough);
        let takes = indices.iter().map(|index| self.count.takes[*index].clone()).collect();
        Part { indices, count: Count { takes, need: self.count.need } }
    }

    /// Takes in memory. Whether the request passes.
    fn take_here(&mut self, part: &Part) -> bool {
        let counted = take_all(&part.count, |id| self.limiters.get(id).map(Counting::memory), self.now);
        self.keep(part, Place::Memory, &counted);
        counted.passes(&part.count, |_| true)
    }

    /// Takes in Redis, or what there is instead while it does not answer. Whether the request passes.
    async fn take_there(&mut self, part: &Part) -> bool {
        let limiters = self.limiters;
        let Some(redis) = &limiters.limits.redis else { return true };
        let orders: Option<Vec<_>> = part.count.takes.iter().map(|take| order(limiters, take)).collect();
        let answer = match orders {
            Some(orders) => redis.take(&orders, part.count.need).await.ok(),
            None => None,
        };
        let is_open = |index: usize| part.count.takes.get(index).is_none_or(|take| limiters.is_open(take));
        match answer {
            Some(verdicts) => {
                let counted = Counted { verdicts };
                self.keep(part, Place::Redis, &counted);
                counted.passes(&part.count, is_open)
            }
            None => {
                self.take_share(part);
                let verdicts = part.indices.iter().map(|index| self.verdicts[*index]).collect();
                Counted { verdicts }.passes(&part.count, is_open)
            }
        }
    }

    /// Takes of this node's part of the quotas that say so; the others cannot tell.
    fn take_share(&mut self, part: &Part) {
        let (mut indices, mut takes) = (Vec::new(), Vec::new());
        for (index, take) in part.indices.iter().zip(&part.count.takes) {
            let is_local = self.limiters.get(take.limit).is_some_and(|limit| limit.when_down == WhenDown::Local);
            self.verdicts[*index] = Verdict::DOWN;
            if is_local {
                let quota = take.quota.share(self.limiters.limits.nodes);
                indices.push(*index);
                takes.push(Take { quota, cost: take.cost.min(quota.at_once()), ..take.clone() });
            }
        }
        let local = Part { indices, count: Count { takes, need: part.count.need } };
        if !local.indices.is_empty() {
            self.take_here(&local);
        }
    }

    fn keep(&mut self, part: &Part, place: Place, counted: &Counted) {
        for ((index, take), verdict) in part.indices.iter().zip(&part.count.takes).zip(&counted.verdicts) {
            self.verdicts[*index] = *verdict;
            if verdict.is_taken() {
                self.taken.push(Taken { index: *index, place, quota: take.quota });
            }
        }
    }

    /// The request is refused after all: it takes nothing.
    fn give_back(&mut self) {
        let now = self.limiters.now();
        for Taken { index, place, quota } in mem::take(&mut self.taken) {
            let take = &self.count.takes[index];
            let Some(counting) = self.limiters.get(take.limit) else { continue };
            let cost = take.cost.min(quota.at_once());
            let left = match (place, &self.limiters.limits.redis) {
                (Place::Redis, Some(redis)) => {
                    redis.give_back(&counting.name, &take.key, &quota, cost);
                    Verdict { remaining: self.verdicts[index].remaining.saturating_add(cost), ..Verdict::SPARED }
                }
                _ => {
                    counting.memory().give_back(&take.key, &quota, self.now, now, cost);
                    counting.memory().peek(&take.key, &quota, now)
                }
            };
            self.verdicts[index] = left;
        }
    }
}

impl Drop for Counter<'_> {
    fn drop(&mut self) {
        if !self.taken.is_empty() {
            self.verdicts.resize(self.count.takes.len(), Verdict::SPARED);
            self.give_back();
        }
    }
}

fn order<'a>(limiters: &'a Limiters, take: &'a Take) -> Option<Order<'a>> {
    let counting = limiters.get(take.limit)?;
    Some(Order { limit: &counting.name, take, is_leased: counting.store == StoreKind::Leases })
}
