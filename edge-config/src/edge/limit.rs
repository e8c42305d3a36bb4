//! `[[limit]]`, and `limit` in a route and in `[defaults]`.

mod quota;
mod shape;
#[cfg(test)]
mod tests;
mod who;

use std::collections::BTreeMap;
use std::time::Duration;

use http::header::{self, HeaderName};
use tidegate_limit::{Algorithm, Limit, LimitId, Missing, Need, Part, Recipe, StoreKind, Tier, WhenDown};

use self::quota::{Counting, Said};
pub(super) use self::shape::{REFERENCE, SHAPE};
use self::who::List;
use super::client::Claims;
use super::names::Names;
use super::{Limits, headers};
use crate::reader::{Table, Value};

/// Limits of a configuration.
const LIMITS_MAX: usize = 1000;
/// Limits of a route: all are asked for each of its requests.
const OF_ROUTE_MAX: usize = 16;
/// Tiers of a limit.
const TIERS_MAX: usize = 64;
/// Longest name of a plan, in bytes.
const PLAN_BYTES_MAX: usize = 64;
/// What the logs of one limit may hold in memory, of all keys together.
const LOGS_MAX: u64 = 64 << 20;

/// What other tables say that counts for limits.
pub(super) struct Given<'g> {
    pub claims: &'g Claims<'g>,
    /// Whether there is a Redis to count in.
    pub has_redis: bool,
}

/// The limits that routes can name.
pub(super) struct Limiting<'t> {
    names: Names<'t>,
    /// Those in shadow, by their places among the names.
    shadows: Vec<bool>,
    /// What counts for routes that do not say.
    default: Limits,
}

impl<'t> Limiting<'t> {
    /// No limits yet.
    pub fn new(are_complete: bool) -> Self {
        Self { names: Names::new("limit", are_complete), shadows: Vec::new(), default: Limits::default() }
    }

    /// Reads all limits.
    pub fn read_all(&mut self, tables: impl Iterator<Item = Table<'t>>, given: &Given<'_>) -> Vec<Limit> {
        let mut limits = Vec::new();
        for (n, table) in tables.enumerate() {
            if n == LIMITS_MAX {
                table.error(format!("more than {LIMITS_MAX} limits"));
            }
            limits.extend(self.read(table, given));
        }
        limits
    }

    /// Reads one. Its name is claimed even if something else is wrong, so that routes find it.
    fn read(&mut self, mut table: Table<'t>, given: &Given<'_>) -> Option<Limit> {
        let source = table.place().source();
        let name = table.require("name", "name = \"...\", by which routes refer to it");
        let name = name.and_then(|value| self.names.claim(&value));
        let is_shadow = table.boolean("shadow");
        self.shadows.extend(name.map(|_| is_shadow));

        let algorithm = word(&mut table, "algorithm");
        let algorithm = algorithm.and_then(|word| Algorithm::ALL.into_iter().find(|one| one.as_str() == word));
        let stored = read_stored(&mut table, algorithm, given);
        let forget_after = table.duration("forget_after");
        let counting = algorithm.map(|algorithm| Counting { algorithm, forget_after });
        let said = quota::read(&mut table, counting);
        let (tiers, quotas_of_tiers) = read_tiers(&mut table, counting, given.claims);
        let cost = read_cost(&mut table, said.as_ref(), &quotas_of_tiers);
        let cost_from = read_cost_from(&mut table, algorithm);
        let max_keys = table.optional_integer("max_keys");
        let max_keys = max_keys.unwrap_or(if algorithm == Some(Algorithm::SlidingLog) { 10_000 } else { 100_000 });
        if stored.is_in_memory() {
            said.iter().chain(&quotas_of_tiers).for_each(|said| check_logs(said, max_keys));
        }
        let plan_from = table.take("plan_from").and_then(|value| who::read_plan_from(&value, given.claims));
        let recipe = read_recipe(&mut table, given.claims);
        let missing = read_missing(&mut table, &recipe);
        let (allow, deny) = read_lists(&mut table, given.claims);
        let max_delay = read_delay(&mut table, algorithm);
        table.finish();
        Some(Limit {
            name: name?.into(),
            quota: said?.quota,
            tiers,
            plan_from,
            recipe,
            missing,
            cost,
            cost_from,
            allow,
            deny,
            is_shadow,
            max_delay,
            store: stored.kind?,
            when_down: stored.when_down,
            max_keys,
            source,
        })
    }

    /// Takes what `[defaults]` says.
    pub fn set_default(&mut self, value: Option<&Value<'_>>) {
        self.default = value.map(|value| self.refer(value)).unwrap_or_default();
    }

    /// What counts the requests of a route, by its `limit`.
    pub fn of_route(&mut self, table: &mut Table<'_>) -> Limits {
        match table.take("limit") {
            Some(value) => self.refer(&value),
            None => self.default.clone(),
        }
    }

    /// Warns of limits that nobody names.
    pub fn warn_of_unused(&self) {
        self.names.warn_of_unused("counts nothing: no route names it");
    }

    fn refer(&mut self, value: &Value<'_>) -> Limits {
        if value.as_boolean() == Some(false) {
            return Limits::default();
        }
        if value.as_string().is_some() {
            let id = self.names.refer(value).map(LimitId);
            return Limits { ids: id.into_iter().collect(), need: Need::All };
        }
        if value.as_list().is_some() {
            return Limits { ids: self.refer_to_some(value, Need::All), need: Need::All };
        }
        if let Some(table) = value.as_table() {
            return Limits { ids: self.refer_to_any(table.of(&shape::ANY)), need: Need::Any };
        }
        value.expected::<()>("the name of a limit, a list of names, { any = [...] } or false");
        Limits::default()
    }

    fn refer_to_any(&mut self, mut table: Table<'_>) -> Vec<LimitId> {
        let value = table.require("any", "any = [\"NAME\"]");
        table.finish();
        value.map(|value| self.refer_to_some(&value, Need::Any)).unwrap_or_default()
    }

    fn refer_to_some(&mut self, value: &Value<'_>, need: Need) -> Vec<LimitId> {
        let items = value.list().unwrap_or_default();
        if value.is_empty() {
            value.error("an empty list. Write at least one, or limit = false");
        }
        if items.len() > OF_ROUTE_MAX {
            value.error(format!("{} limits. At most {OF_ROUTE_MAX} are allowed", items.len()));
            return Vec::new();
        }
        let mut ids = Vec::new();
        for item in items {
            let Some(id) = self.names.refer(&item).map(LimitId) else { continue };
            if ids.contains(&id) {
                item.error("is there twice, but counts once. Remove one of the two");
                continue;
            }
            if need == Need::Any && self.shadows.get(id.0) == Some(&true) {
                item.warn("is in shadow, so it is never the one that is enough");
            }
            ids.push(id);
        }
        ids
    }
}

/// What to say of keys that are not for this algorithm or this store.
const LEASE: &str = "only of gcra slices can be taken in advance. Remove it, or write algorithm = \"gcra\"";
const REDIS: &str = "does nothing without store = \"redis\". Remove it, or write that too";

/// Where a limit is counted.
struct Stored {
    /// None: what is written is none.
    kind: Option<StoreKind>,
    when_down: WhenDown,
}

impl Stored {
    /// Whether states are kept in memory.
    fn is_in_memory(&self) -> bool {
        self.kind == Some(StoreKind::Memory) || self.when_down == WhenDown::Local
    }
}

/// One of a few words, or the default; none if it is none of these.
fn word(table: &mut Table<'_>, key: &'static str) -> Option<&'static str> {
    if table.contains(key) { table.optional_word(key) } else { Some(table.word(key)) }
}

fn read_stored(table: &mut Table<'_>, algorithm: Option<Algorithm>, given: &Given<'_>) -> Stored {
    let is_redis = word(table, "store").map(|word| word == "redis");
    if let (Some(true), false, Some(value)) = (is_redis, given.has_redis, table.take("store")) {
        value.error("there is no Redis to count in. Write [limit_store.redis] with url = \"${REDIS_URL}\"");
    }
    let is_leased = table.boolean("lease");
    let lease = table.take("lease").filter(|_| is_leased);
    let is_not = |one: Algorithm| algorithm.is_some_and(|algorithm| algorithm != one);
    let keys = [
        (lease, is_not(Algorithm::Gcra), LEASE),
        (table.take("when_down"), false, ""),
        (table.take("forget_after"), is_not(Algorithm::Concurrency), quota::IN_FLIGHT),
    ];
    for (value, is_of_others, message) in keys {
        match value {
            Some(value) if is_of_others => value.error(message),
            Some(value) if is_redis == Some(false) => value.error(REDIS),
            _ => {}
        }
    }
    let kind = match (is_redis, is_leased) {
        (Some(true), true) => Some(StoreKind::Leases),
        (Some(true), false) => Some(StoreKind::Redis),
        (Some(false), _) => Some(StoreKind::Memory),
        (None, _) => None,
    };
    let when_down = match table.word("when_down") {
        "closed" => WhenDown::Closed,
        "local" => WhenDown::Local,
        _ => WhenDown::Open,
    };
    Stored { kind, when_down }
}

fn read_tiers<'t>(
    table: &mut Table<'t>,
    counting: Option<Counting>,
    claims: &Claims<'_>,
) -> (Vec<Tier>, Vec<Said<'t>>) {
    let has_plan_from = table.contains("plan_from");
    let tables = table.tables("tier");
    if tables.len() > TIERS_MAX {
        table.error(format!("{} tiers. At most {TIERS_MAX} are allowed", tables.len()));
        return Default::default();
    }
    let (mut plans, mut above) = (BTreeMap::new(), List::new());
    let (mut tiers, mut quotas) = (Vec::new(), Vec::new());
    for mut table in tables {
        let plan = table.require("plan", "plan = \"gold\", or what else plan_from gives").and_then(|value| {
            let plan = read_plan(&value)?;
            if let Some(other) = plans.insert(plan, value.place().source()) {
                value.error(format!("the tier in {other} has the plan {plan:?} too"));
            }
            Some(plan)
        });
        let said = quota::read(&mut table, counting);
        let members = table.take("members");
        let members =
            List::read(members, claims, "has this plan", (&above, "is a member of a tier above too, which counts"));
        above.note(&members);
        if members.entries.is_empty() && !has_plan_from {
            table.place().warn("nobody has this plan. Write members here, or plan_from in the limit");
        }
        table.finish();
        if let (Some(plan), Some(said)) = (plan, said) {
            tiers.push(Tier { plan: plan.into(), quota: said.quota, members: members.entries.into_iter().collect() });
            quotas.push(said);
        }
    }
    (tiers, quotas)
}

fn read_plan<'t>(value: &Value<'t>) -> Option<&'t str> {
    let text = value.text()?;
    let is_good = text.len() <= PLAN_BYTES_MAX && text.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic());
    if !is_good {
        value.error(format!("bad name of a plan. Write up to {PLAN_BYTES_MAX} printable ASCII characters"));
    }
    is_good.then_some(text)
}

/// What a request costs, which must fit into every quota.
fn read_cost(table: &mut Table<'_>, own: Option<&Said<'_>>, of_tiers: &[Said<'_>]) -> u32 {
    let cost = table.integer("cost");
    let Some(value) = table.take("cost") else { return cost };
    let places = own.map(|said| (value.place(), said)).into_iter();
    for (place, Said { quota, .. }) in places.chain(of_tiers.iter().map(|said| (&said.place, said))) {
        if cost > quota.at_once() {
            let fix = match quota.algorithm() {
                Algorithm::Gcra => "a larger burst",
                Algorithm::Concurrency => "a larger in_flight",
                Algorithm::SlidingWindow | Algorithm::SlidingLog => "a higher rate",
            };
            let at_once = quota.at_once();
            place.error(format!(
                "a request that costs {cost} never passes: at most {at_once} can be taken at once. Write {fix}, or a \
                 lower cost"
            ));
        }
    }
    cost
}

fn read_cost_from(table: &mut Table<'_>, algorithm: Option<Algorithm>) -> Option<HeaderName> {
    let value = table.take("cost_from")?;
    if algorithm == Some(Algorithm::Concurrency) {
        value.error("what is in flight is given back in the end, so there is nothing to charge. Remove it");
    }
    let name = headers::name(&value)?;
    if name == header::HOST || headers::is_of_the_connection(&name) {
        value.error("this field belongs to one connection alone: it tells no cost. Write another one");
        return None;
    }
    Some(name)
}

/// Logs remember each request, and all of them have to fit into memory.
fn check_logs(said: &Said<'_>, max_keys: u32) {
    let count = said.quota.count();
    if said.quota.algorithm() == Algorithm::SlidingLog && u64::from(count) * u64::from(max_keys) > LOGS_MAX {
        let fitting = LOGS_MAX / u64::from(count);
        said.place.error(format!(
            "logs of {count} requests for each of {max_keys} keys are more than fits: {LOGS_MAX} in all. Write \
             max_keys = {fitting}, a lower rate, or algorithm = \"sliding-window\""
        ));
    }
}

fn read_recipe(table: &mut Table<'_>, claims: &Claims<'_>) -> Recipe {
    let key = table.take("key");
    let parts = key.map_or_else(|| vec![Part::Client], |value| who::read_key(&value, claims));
    let has_client = parts.contains(&Part::Client);
    let mut prefix = |key| {
        let bits = table.integer(key);
        match table.take(key) {
            Some(value) if !has_client => value.warn("has no effect: \"client\" is not in key"),
            Some(value) if bits == 0 => value.warn("all clients with such an address are counted together"),
            _ => {}
        }
        u8::try_from(bits).unwrap_or(u8::MAX)
    };
    let (ipv4_prefix, ipv6_prefix) = (prefix("ipv4_prefix"), prefix("ipv6_prefix"));
    Recipe { parts, ipv4_prefix, ipv6_prefix }
}

fn read_missing(table: &mut Table<'_>, recipe: &Recipe) -> Missing {
    let missing = match table.word("missing") {
        "skip" => Missing::Skip,
        "refuse" => Missing::Refuse,
        _ => Missing::Share,
    };
    let is_always_there = recipe.parts.iter().all(|part| matches!(part, Part::Client | Part::Route));
    if let Some(value) = table.take("missing").filter(|_| is_always_there) {
        value.warn("has no effect: what is in key is never missing");
    }
    missing
}

/// Who is never counted, and who is always refused.
fn read_lists(table: &mut Table<'_>, claims: &Claims<'_>) -> (tidegate_limit::List, tidegate_limit::List) {
    let nobody = (&List::new(), "");
    let deny = List::read(table.take("deny"), claims, "is refused", nobody);
    let allow = List::read(table.take("allow"), claims, "passes uncounted", (&deny, "is in deny too, which counts"));
    (allow.entries.into_iter().collect(), deny.entries.into_iter().collect())
}

fn read_delay(table: &mut Table<'_>, algorithm: Option<Algorithm>) -> Duration {
    let delay = table.duration("delay");
    let is_other = algorithm.is_some_and(|algorithm| algorithm != Algorithm::Gcra);
    if let Some(value) = table.take("delay").filter(|_| is_other && !delay.is_zero()) {
        value.error("only gcra holds requests back. Remove it, or write algorithm = \"gcra\"");
    }
    delay
}
