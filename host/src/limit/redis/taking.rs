//! One request's takes: by leases what there is, the rest by Redis in one round trip.

use tidegate_limit::{Algorithm, Decision, LeaseTerms, Moment, Need, Quota, Take, Verdict};
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::counts::count;
use super::leases::{Local, Ticket};
use super::wire::{Call, Line, Outcome, Reply, Told, Verb};
use super::worker::{Delivery, Part, Question};
use super::{Down, Order, Redis};

/// The takes of a request, while they are decided. Dropped before they are, it gives back what it has taken here.
pub struct Taking<'a> {
    redis: &'a Redis,
    orders: &'a [Order<'a>],
    need: Need,
    /// One for each order, as far as it has come.
    standings: Vec<Standing>,
    /// Until when an answer is waited for.
    until: Instant,
    is_sent: bool,
}

/// How an order stands.
enum Standing {
    /// It is not looked at: another one is enough, or refused.
    Spared,
    /// A lease has decided, at this moment. That something is taken holds only if the request passes.
    Here(Verdict, Moment),
    /// Redis decides, and grants a slice.
    Asking(Ticket),
    /// Redis decides, of this quota.
    There(Quota),
}

impl Standing {
    const fn is_taken_here(&self) -> bool {
        matches!(self, Self::Here(verdict, _) if verdict.is_taken())
    }

    const fn is_refused_here(&self) -> bool {
        matches!(self, Self::Here(verdict, _) if !verdict.is_taken())
    }

    const fn is_there(&self) -> bool {
        matches!(self, Self::Asking(_) | Self::There(_))
    }
}

impl<'a> Taking<'a> {
    pub fn new(redis: &'a Redis, orders: &'a [Order<'a>], need: Need) -> Self {
        let until = Instant::now() + redis.shared.options.timeout;
        Self { redis, orders, need, standings: Vec::with_capacity(orders.len()), until, is_sent: false }
    }

    /// Takes all, or nothing.
    pub async fn take(mut self) -> Result<Vec<Verdict>, Down> {
        for order in self.orders {
            let standing = if self.is_enough(order) { Standing::Spared } else { self.stand(order).await? };
            self.standings.push(standing);
        }
        if self.is_refused_here() {
            self.ask_nothing();
        }
        let reply = if self.standings.iter().any(Standing::is_there) { Some(self.ask().await?) } else { None };
        Ok(self.settle(reply.as_ref()))
    }

    /// Where one is needed: whether a lease has it already, and nothing before it is asked for.
    fn is_enough(&self, order: &Order<'_>) -> bool {
        let first = self.enforced().find(|standing| !standing.is_refused_here());
        self.need == Need::Any && !order.take.is_shadow && first.is_some_and(Standing::is_taken_here)
    }

    fn is_refused_here(&self) -> bool {
        self.need == Need::All && self.enforced().any(Standing::is_refused_here)
    }

    /// Those that are not in shadow.
    fn enforced(&self) -> impl Iterator<Item = &Standing> {
        self.standings.iter().zip(self.orders).filter(|(_, order)| !order.take.is_shadow).map(|(standing, _)| standing)
    }

    /// Has a lease decide, if there is one. Waits for those who ask already.
    async fn stand(&mut self, order: &Order<'_>) -> Result<Standing, Down> {
        let take = order.take;
        // What is held back is not in a slice: it is taken from what will be there.
        if !order.is_leased || !take.max_delay.is_zero() {
            return Ok(Standing::There(take.quota));
        }
        loop {
            match self.redis.shared.leases.take(order.limit, &take.key, &take.quota, take.cost) {
                Local::Decided(verdict, at) => return Ok(Standing::Here(verdict, at)),
                Local::Ask(ticket) => {
                    self.wait_at_most(&ticket.terms);
                    return Ok(Standing::Asking(ticket));
                }
                // Whoever asks must not wait: the one that it waits for might wait for it.
                Local::Wait(answered) if !self.asks() => {
                    tokio::time::timeout_at(self.until, answered).await.map_err(|_| Down)?;
                }
                Local::Wait(_) | Local::Each => {
                    let Some(terms) = LeaseTerms::of(&take.quota) else { return Ok(Standing::There(take.quota)) };
                    self.wait_at_most(&terms);
                    return Ok(Standing::There(*terms.quota()));
                }
            }
        }
    }

    /// What is taken of a leased quota is used within its lifetime, or not at all.
    fn wait_at_most(&mut self, terms: &LeaseTerms) {
        self.until = self.until.min(Instant::now() + terms.lifetime());
    }

    fn asks(&self) -> bool {
        self.standings.iter().any(|standing| matches!(standing, Standing::Asking(_)))
    }

    fn ask_nothing(&mut self) {
        for standing in &mut self.standings {
            if let Standing::Asking(ticket) = standing {
                self.redis.shared.leases.give_up(ticket, false);
            }
            if standing.is_there() {
                *standing = Standing::Spared;
            }
        }
    }

    /// Asks Redis: for what no lease has decided.
    async fn ask(&mut self) -> Result<Reply, Down> {
        let shared = &self.redis.shared;
        let Some(attempt) = shared.gate.attempt() else {
            count(&shared.counters.skipped);
            return Err(Down);
        };
        let (reply, answer) = oneshot::channel();
        let (call, parts) = self.call();
        if self.redis.questions.try_send(Question { call, parts, reply }).is_err() {
            // Too many wait already: nobody's fault.
            count(&shared.counters.skipped);
            return Err(Down);
        }
        self.is_sent = true;
        count(&shared.counters.asked);
        let answer = tokio::time::timeout_at(self.until, answer).await.ok().and_then(Result::ok);
        shared.settled(answer.is_some(), attempt.settle(answer.is_some()));
        answer.and_then(Delivery::accept).ok_or(Down)
    }

    fn call(&self) -> (Call, Vec<Part>) {
        let (mut call, mut parts) = (Call::new(self.need), Vec::with_capacity(self.orders.len()));
        for (standing, order) in self.standings.iter().zip(self.orders) {
            let part = match standing {
                Standing::Asking(ticket) => self.push(&mut call, order, ticket.terms.quota(), Part::Slice(*ticket)),
                Standing::There(quota) => self.push(&mut call, order, quota, Part::Plain),
                // It is what is left if nothing before it fits.
                Standing::Here(..) if self.is_known(standing, order) => {
                    call.push_known();
                    Part::Plain
                }
                Standing::Here(..) | Standing::Spared => continue,
            };
            parts.push(part);
        }
        (call, parts)
    }

    fn push(&self, call: &mut Call, order: &Order<'_>, quota: &Quota, part: Part) -> Part {
        let Take { key, cost, max_delay, is_shadow, .. } = order.take;
        let shared = &self.redis.shared;
        let key = shared.name(order.limit, key);
        let mut line =
            Line { is_shadow: *is_shadow, max_delay: *max_delay, ..Line::new(Verb::Take, quota, i64::from(*cost)) };
        let part = match part {
            Part::Plain if quota.algorithm() == Algorithm::Concurrency => {
                line.place = shared.flights.place();
                Part::Flight { key: key.clone(), quota: *quota, cost: *cost, place: line.place }
            }
            Part::Slice(ticket) => {
                line.ask = Some(ticket.ask);
                part
            }
            part => part,
        };
        call.push(key, &line.encode());
        part
    }

    /// Whether the script has to know of what a lease has taken: where one is needed, and others are asked for.
    fn is_known(&self, standing: &Standing, order: &Order<'_>) -> bool {
        self.need == Need::Any && !order.take.is_shadow && standing.is_taken_here()
    }

    /// What became of all.
    fn settle(mut self, reply: Option<&Reply>) -> Vec<Verdict> {
        let standings = std::mem::take(&mut self.standings);
        let mut told = reply.into_iter().flat_map(|reply| &reply.lines);
        let mut verdicts = Vec::with_capacity(standings.len());
        for (standing, order) in standings.iter().zip(self.orders) {
            verdicts.push(match (standing, reply) {
                (Standing::Spared, _) => Verdict::SPARED,
                (Standing::Here(verdict, at), Some(_)) if self.is_known(standing, order) => match told.next() {
                    Some(told) if told.outcome != Outcome::Taken => self.give_back(order, verdict, *at),
                    _ => *verdict,
                },
                (Standing::Here(verdict, _), _) => *verdict,
                (Standing::Asking(ticket), _) => {
                    told.next().map_or(Verdict::DOWN, |told| self.granted(order, ticket, told))
                }
                (Standing::There(quota), Some(reply)) => told.next().map_or(Verdict::DOWN, |told| {
                    told.verdict(reply.now, quota, order.take.cost, order.take.max_delay)
                }),
                (Standing::There(_), None) => Verdict::DOWN,
            });
        }
        if !self.passes(&verdicts) {
            for ((verdict, standing), order) in verdicts.iter_mut().zip(&standings).zip(self.orders) {
                if let Standing::Here(taken, at) = standing
                    && verdict.is_taken()
                {
                    *verdict = self.give_back(order, taken, *at);
                }
            }
        }
        verdicts
    }

    fn passes(&self, verdicts: &[Verdict]) -> bool {
        let enforced = verdicts.iter().zip(self.orders).filter(|(_, order)| !order.take.is_shadow);
        let mut taken = enforced.map(|(verdict, _)| verdict.is_taken());
        match self.need {
            Need::All => taken.all(|is_taken| is_taken),
            Need::Any => taken.next().is_none_or(|first| first || taken.any(|is_taken| is_taken)),
        }
    }

    /// What a slice comes to.
    fn granted(&self, order: &Order<'_>, ticket: &Ticket, told: &Told) -> Verdict {
        let shared = &self.redis.shared;
        let cost = order.take.cost;
        let taken = if told.outcome == Outcome::Taken { cost } else { 0 };
        shared.keep_slice(ticket, &told.grant(), taken);
        let refused = if told.outcome == Outcome::Refused { Some(cost) } else { None };
        let verdict = shared.leases.verdict(ticket, refused);
        if told.outcome == Outcome::Taken { Verdict { decision: Decision::Taken, ..verdict } } else { verdict }
    }

    /// Gives back what a lease has taken.
    fn give_back(&self, order: &Order<'_>, verdict: &Verdict, taken_at: Moment) -> Verdict {
        let Take { key, cost, .. } = order.take;
        self.redis.shared.leases.give_back(order.limit, key, taken_at, *cost);
        Verdict { remaining: verdict.remaining.saturating_add(*cost), ..Verdict::SPARED }
    }
}

impl Drop for Taking<'_> {
    fn drop(&mut self) {
        for (standing, order) in self.standings.iter().zip(self.orders) {
            match standing {
                Standing::Asking(ticket) => self.redis.shared.leases.give_up(ticket, self.is_sent),
                Standing::Here(verdict, at) if verdict.is_taken() => drop(self.give_back(order, verdict, *at)),
                Standing::Here(..) | Standing::There(_) | Standing::Spared => {}
            }
        }
    }
}
