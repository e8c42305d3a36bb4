//! What `[[limit]]` may hold, and `limit` in a route.

use super::super::{headers, names};
use crate::shape::{Field, Form, Kind, Shape};

/// What `[[limit]]` may hold.
pub(in crate::edge) static SHAPE: Shape = Shape::new(
    "limit",
    "How much is allowed to whom. What was taken is counted once for all routes that name it.",
    &[
        &[
            Field::new(
                "name",
                names::NAME,
                "Its name, by which routes refer to it; in metrics and in RateLimit fields. Unique.",
            )
            .required(),
            Field::new(
                "algorithm",
                Kind::OneOf(ALGORITHMS),
                "How it is counted. \"gcra\": at a steady rate, and a burst more at once. \"sliding-window\": about the \
                 rate, and in a period with bursts up to twice as much. \"sliding-log\": never more than the rate in any period, for which it remembers each \
                 request, so it is for low rates. \"concurrency\": how many are in flight at a time.",
            )
            .or("gcra"),
        ],
        &QUOTA,
        &COUNTED,
        &WHO,
        &DONE,
        &STORED,
        &[Field::new(
            "tier",
            Kind::List(&Kind::Table(&TIER)),
            "What is allowed to others, by their plan. Who has none of these plans gets what the limit itself says.",
        )],
    ],
)
.needs(&[("plan_from", "tier")]);

/// What `[[limit.tier]]` may hold.
static TIER: Shape = Shape::new(
    "tier",
    "What is allowed to some. Each plan of a key is counted by itself.",
    &[
        &[Field::new("plan", PLAN, "Its name, which is what plan_from gives. Unique.").required()],
        &QUOTA,
        &[Field::new("members", ENTRIES, "Who has this plan, whatever plan_from gives; of several tiers the first.")
            .or("[]")],
    ],
);

/// The algorithms.
pub(super) const ALGORITHMS: &[&str] = &["gcra", "sliding-window", "sliding-log", "concurrency"];

/// How much.
const QUOTA: [Field; 3] = [
    Field::new(
        "rate",
        Kind::Rate,
        "How many in a second, a minute, an hour or a day. Every algorithm but \"concurrency\" needs it.",
    ),
    Field::new(
        "burst",
        Kind::Integer(0, 1_000_000_000),
        "How many more than one at once, for \"gcra\" alone. Without this, one less than the number of the rate: a whole \
         period's worth at once. With 0, requests have to keep their distance.",
    ),
    Field::new(
        "in_flight",
        Kind::Integer(1, 1_000_000_000),
        "How many at a time, until the last byte of their responses. \"concurrency\" needs it, and no other has it.",
    ),
];

/// What is counted.
const COUNTED: [Field; 3] = [
    Field::new("cost", Kind::Integer(1, 1_000_000_000), "What a request takes. No more than can be taken at once.")
        .or("1"),
    Field::new(
        "cost_from",
        Kind::Form(&headers::NAME),
        "A field of responses that says in a whole number what the request has cost in the end. The difference to cost is \
         charged afterwards. The field is not passed on. Not for \"concurrency\".",
    ),
    Field::new(
        "forget_after",
        Kind::Duration("1s", "24h"),
        "A request whose edge is gone counts for so long as one in flight. For \"concurrency\" with store = \"redis\".",
    )
    .or("60s"),
];

/// Who is counted.
const WHO: [Field; 7] = [
    Field::new(
        "key",
        Kind::AnyOf(&[PART, Kind::List(&PART)]),
        "Who is counted together: a part of the request, or several, which all count; []: everybody. \"client\" is the \
         client's network; \"api-key\" the field x-api-key; \"claim:NAME\" a claim of the JSON Web Token in \
         Authorization, which is not verified here: until something before the edge does that, any client can claim \
         anything.",
    )
    .or("client"),
    Field::new(
        "missing",
        Kind::OneOf(&["share", "skip", "refuse"]),
        "What becomes of requests that lack a part of the key. \"share\": all that lack the same are counted together. \
         \"skip\": they are not counted. \"refuse\": they are answered with 403.",
    )
    .or("share"),
    Field::new(
        "ipv4_prefix",
        Kind::Integer(0, 32),
        "How many bits of an IPv4 address count: clients that have the same are counted together.",
    )
    .or("32"),
    Field::new(
        "ipv6_prefix",
        Kind::Integer(0, 128),
        "How many bits of an IPv6 address count. Providers give a /64 or more to each customer.",
    )
    .or("64"),
    Field::new(
        "plan_from",
        PART,
        "A part of the request, such as \"claim:plan\", that names the plan of the tier which counts. Tokens are not \
         verified here, and what else a request says any client can say: something before the edge must see to it.",
    ),
    Field::new("allow", ENTRIES, "Who is never counted.").or("[]"),
    Field::new("deny", ENTRIES, "Who is always answered with 403, also when it is in allow.").or("[]"),
];

/// What is done.
const DONE: [Field; 2] = [
    Field::new(
        "shadow",
        Kind::Boolean,
        "Whether nobody is refused: it decides, counts and tells in metrics what it would have done.",
    )
    .or("false"),
    Field::new(
        "delay",
        Kind::Duration("0s", "60s"),
        "How long a request may be held back, if it would be let through then, instead of being refused. For \"gcra\" \
         alone.",
    )
    .or("0s"),
];

/// Where it is counted.
const STORED: [Field; 4] = [
    Field::new(
        "store",
        Kind::OneOf(&["memory", "redis"]),
        "Where it is counted. \"memory\": by each edge for itself. \"redis\": by all that share the Redis of [limit_store].",
    )
    .or("memory"),
    Field::new(
        "lease",
        Kind::Boolean,
        "Whether each edge takes slices of the quota in advance, so that few requests have to ask the Redis. Never more \
         is let through, but a little may remain unused. For \"gcra\" with store = \"redis\".",
    )
    .or("false"),
    Field::new(
        "when_down",
        Kind::OneOf(&["open", "closed", "local"]),
        "What becomes of requests while the Redis does not answer. \"open\": they pass. \"closed\": they are answered with \
         503. \"local\": each edge counts for itself, of its part of the quota; see nodes in [limit_store.redis]. For \
         store = \"redis\".",
    )
    .or("open"),
    Field::new(
        "max_keys",
        Kind::Integer(1, 10_000_000),
        "How many keys are kept in memory. What is forgotten first is what makes least difference. Without this 100000, \
         and 10000 of \"sliding-log\".",
    ),
];

/// A part of a request.
const PART: Kind = Kind::Form(&Form {
    pattern: r"client|route|host|country|api-key|(header|cookie|query|claim):[\s\S]+",
    examples: &["client", "route", "api-key", "header:x-tenant", "cookie:session", "query:key", "claim:sub"],
});

const ENTRIES: Kind = Kind::List(&Kind::Form(&Form {
    pattern: r"[0-9A-Fa-f.:]+(/[0-9]{1,3})?|country:[A-Za-z]{2}|[^=]+=[\s\S]+",
    examples: &["10.0.0.0/8", "country:DE", "api-key=${GOLD_KEY}", "header:x-tenant=acme"],
}));

const PLAN: Kind = Kind::Form(&Form { pattern: "[ -~]{1,64}", examples: &["gold"] });

/// What `limit` in a route may be.
pub(in crate::edge) const REFERENCE: Kind =
    Kind::AnyOf(&[names::NAME, Kind::List(&names::NAME), Kind::Table(&ANY), Kind::False]);

/// Several limits of which one is enough.
pub(super) static ANY: Shape = Shape::new(
    "any_limit",
    "Limits of which one is enough.",
    &[&[Field::new("any", Kind::List(&names::NAME), "Their names, in the order in which they are asked.").required()]],
);
