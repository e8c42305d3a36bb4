//! What `[cache]` may hold, and `cache` in a route. The defaults are those of [`Plan`](tidegate_cache::Plan), which a
//! test sees to.

use super::super::{client, conditions, headers};
use crate::shape::{Field, Form, Kind, Shape, inherited};

/// What `[cache]` may hold.
pub(in crate::edge) static SHAPE: Shape = Shape::new(
    "cache",
    "How responses are kept and used again, as RFC 9111 has it. Counts for every route that does not say otherwise; \
     redirects and fixed answers are made anew each time.",
    &[
        &PLAIN,
        &[
            Field::new("key", Kind::Table(&KEY), OF_KEY),
            NORMALIZE,
            BYPASS,
            Field::new("compress", Kind::AnyOf(&[Kind::Boolean, Kind::Table(&COMPRESS)]), OF_COMPRESS).or("false"),
        ],
    ],
);

/// What `cache` in a route may hold.
pub(in crate::edge) static OF_ROUTES: Shape = Shape::new(
    "route_cache",
    "How the responses of this route are kept and used again. What is not said here is as in [cache], key by key, also \
     inside of key, normalize, bypass and compress.",
    &[
        &inherited(PLAIN, "[cache]"),
        &[
            Field::new("key", Kind::Table(&KEY_OF_ROUTES), OF_KEY),
            NORMALIZE,
            BYPASS,
            Field::new("compress", Kind::AnyOf(&[Kind::Boolean, Kind::Table(&COMPRESS_OF_ROUTES)]), OF_COMPRESS)
                .inherited("[cache]"),
        ],
    ],
);

/// How long something is fresh, or used when it no longer is.
pub(super) const TTL: Kind = Kind::Duration("0s", "3650d");
const TTL_OR_FALSE: Kind = Kind::AnyOf(&[Kind::False, TTL]);

/// A coding that the edge makes and chooses.
pub(super) const CODINGS: &[&str] = &["zstd", "br", "gzip"];
const CODING: Kind = Kind::OneOf(CODINGS);

/// Names of fields or cookies.
const NAMES: Kind = Kind::List(&Kind::Form(&headers::NAME));
const PARAMETERS: Kind = Kind::List(&Kind::Form(&Form { pattern: r"[\s\S]*\S[\s\S]*", examples: &["page", "utm_*"] }));

const PLAIN: [Field; 15] = [
    Field::new(
        "default_ttl",
        TTL_OR_FALSE,
        "How long a response is fresh that says nothing of it. false: see heuristics.",
    )
    .or("false"),
    Field::new(
        "override_ttl",
        TTL_OR_FALSE,
        "How long every response is fresh, whatever it says. What must not be stored (no-store, private) is still not. \
         false: what the response says counts.",
    )
    .or("false"),
    Field::new(
        "status_ttl",
        Kind::Map(&Form { pattern: "[2-5]([0-9][0-9]|xx)", examples: &["404", "5xx"] }, &TTL),
        "How long responses with a status are fresh that say nothing of it, such as { 404 = \"10s\", 5xx = \"1s\" }. A \
         status counts before its class. With \"0s\" they are not stored.",
    )
    .or("{}"),
    Field::new("max_ttl", TTL, "No response is fresh for longer than this, whoever says so.").or("365d"),
    Field::new(
        "heuristics",
        Kind::Boolean,
        "Whether a response that says nothing is fresh for a tenth of the time since its Last-Modified.",
    )
    .or("true"),
    Field::new(
        "stale_while_revalidate",
        TTL,
        "For how long a response that is no longer fresh is used at once while a newer one is fetched (RFC 5861), if it \
         does not say for how long itself.",
    )
    .or("0s"),
    Field::new(
        "stale_if_error",
        TTL,
        "For how long a response that is no longer fresh is used when no newer one can be fetched, because the upstream \
         fails or answers 500, 502, 503 or 504 (RFC 5861), if it does not say for how long itself.",
    )
    .or("0s"),
    Field::new(
        "session_cookies",
        NAMES,
        "Cookies that signed-in users have. Requests with one of them pass by the cache, unless it is in key.cookies \
         too: then each user has answers of their own in the cache.",
    )
    .or("[]"),
    Field::new(
        "set_cookie",
        Kind::OneOf(&["pass", "strip"]),
        "What becomes of responses that set cookies. \"pass\": they are not stored. \"strip\": they are stored without \
         the cookies, which only the client gets that caused the fetch; write it only where the rest of the response is \
         the same for everybody.",
    )
    .or("pass"),
    Field::new(
        "client_directives",
        Kind::Boolean,
        "Whether Cache-Control in requests counts, so that a client can ask for a newer response.",
    )
    .or("true"),
    Field::new(
        "targets",
        NAMES,
        "Fields that count instead of Cache-Control and Expires, the first one that a response has (RFC 9213).",
    )
    .or(r#"["surrogate-control", "cdn-cache-control"]"#),
    Field::new(
        "max_body",
        Kind::Size("1B", "1024GiB"),
        "The largest body that is stored. Larger ones pass through.",
    )
    .or("16MiB"),
    Field::new(
        "wait",
        Kind::Duration("0s", "5m"),
        "How long a request waits for the head of a response that is being fetched for another one, before it fetches \
         for itself.",
    )
    .or("5s"),
    Field::new(
        "debug",
        Kind::Boolean,
        "Whether Cache-Status says the key, and why a response was not stored, and tags are left in responses.",
    )
    .or("false"),
    Field::new(
        "purge_from",
        Kind::List(&client::NETWORK),
        "Addresses and networks of clients whose PURGE requests are obeyed. Nobody else's are. Behind a proxy, see \
         trusted_proxies in [client]: otherwise every client has the proxy's address.",
    )
    .or("[]"),
];

const OF_KEY: &str = "What makes two requests different, so that each has an answer of its own in the cache. Besides, what \
                      Vary in a response names always does.";

pub(super) static KEY: Shape = Shape::new("cache_key", OF_KEY, &[&KEY_FIELDS]);
static KEY_OF_ROUTES: Shape = Shape::new("route_cache_key", OF_KEY, &[&inherited(KEY_FIELDS, "[cache]")]);

const KEY_FIELDS: [Field; 8] = [
    Field::new("host", Kind::Boolean, "The host. With false, all hosts of a route share their answers.").or("true"),
    Field::new("path", Kind::Boolean, "The path. With false, all paths of a route share one answer.").or("true"),
    Field::new("query", QUERY_PARTS, "The query: \"all\" of it as it was sent, \"none\" of it, or some parameters.")
        .or("all"),
    Field::new(
        "sort_query",
        Kind::Boolean,
        "Whether the order of query parameters makes no difference. Those of the same name stay in their order.",
    )
    .or("false"),
    Field::new("headers", NAMES, "Fields of the request. With authorization, each user has answers of their own.")
        .or("[]"),
    Field::new("cookies", NAMES, "Cookies. With one of session_cookies, each signed-in user has answers of their own.")
        .or("[]"),
    Field::new("country", Kind::Boolean, "The country of the client, see country_from in [client].").or("false"),
    Field::new("device", Kind::Boolean, "The client's kind of device: mobile, tablet or desktop.").or("false"),
];

const QUERY_PARTS: Kind = Kind::AnyOf(&[Kind::OneOf(QUERIES), Kind::Table(&QUERY)]);

/// All of the query, or nothing of it.
pub(super) const QUERIES: &[&str] = &["all", "none"];

pub(super) static QUERY: Shape = Shape::new(
    "cache_query",
    "Which query parameters make a difference.",
    &[&[
        Field::new("only", PARAMETERS, "These."),
        Field::new("except", PARAMETERS, "All but these. A name may end in a star, as \"utm_*\"."),
    ]],
)
.one_of(&["only", "except"]);

const NORMALIZE: Field = Field::new(
    "normalize",
    Kind::Table(&OF_NORMALIZE),
    "Many ways to ask for the same become one, so that fewer variants are stored. Upstreams and functions see it too.",
);

static OF_NORMALIZE: Shape = Shape::new(
    "normalize",
    "Many ways to ask for the same become one, so that fewer variants are stored.",
    &[&[
        Field::new(
            "encodings",
            Kind::List(&CODING),
            "Accept-Encoding becomes the one of these that the client likes best, of equal ones the first, or identity. \
             Without that field nothing is added. Empty: it is left alone. With compress, the same as its encodings.",
        ),
        Field::new(
            "languages",
            Kind::List(&Kind::Form(&Form { pattern: "[A-Za-z]{1,8}(-[A-Za-z0-9]{1,8})*", examples: &["en", "de-AT"] })),
            "Accept-Language becomes the one of these that the client likes best, or else the first. Empty: it is left \
             alone.",
        ),
    ]],
);

const BYPASS: Field = Field::new(
    "bypass",
    Kind::Table(&OF_BYPASS),
    "Requests that pass by the cache: they are neither answered from it, nor are their answers stored. One of these is \
     enough.",
);

static OF_BYPASS: Shape = Shape::new(
    "bypass",
    "Requests that pass by the cache. One of these is enough.",
    &[&[
        Field::new(
            "header",
            Kind::Map(&headers::NAME, &VALUES),
            "Fields, each with a value, or several of which one is enough: \"abc\" exactly, \"*\" any.",
        ),
        Field::new("cookie", Kind::Map(&headers::NAME, &VALUES), "Cookies, with values as for fields."),
        Field::new("query", Kind::Map(&conditions::ANY_NAME, &VALUES), "Query parameters, with values as for fields."),
    ]],
);

const VALUES: Kind = Kind::OneOrMany(&Kind::Form(&Form { pattern: r"\*|[^*]*", examples: &["*", "1"] }));

const OF_COMPRESS: &str = "Whether responses of some types are compressed before they are stored, once for each \
                           encoding, if the upstream did not do it.";

pub(super) static COMPRESS: Shape = Shape::new("compress", OF_COMPRESS, &[&COMPRESS_FIELDS]);
static COMPRESS_OF_ROUTES: Shape = Shape::new("route_compress", OF_COMPRESS, &[&inherited(COMPRESS_FIELDS, "[cache]")]);

const COMPRESS_FIELDS: [Field; 3] = [
    Field::new(
        "encodings",
        Kind::List(&CODING),
        "Into what: the one of these that the client likes best, of equal ones the first. Without this, what \
         normalize.encodings says, or zstd, br and gzip.",
    ),
    Field::new("min_size", Kind::Size("0B", "1GiB"), "Smaller bodies are not worth it.").or("1KiB"),
    Field::new(
        "types",
        Kind::List(&Kind::Form(&Form {
            pattern: r"[A-Za-z0-9!#$%&'+.^_`|~-]+/(\*|[A-Za-z0-9!#$%&'+.^_`|~-]+)",
            examples: &["text/*", "application/json"],
        })),
        "Media types of responses. Those of pictures, films and archives are compressed already.",
    )
    .or(TYPES),
];

/// What shrinks: text in all its forms, and a few old binary formats.
pub(super) const TYPES: &str = r#"["text/*", "application/javascript", "application/json", "application/ld+json", "application/geo+json", "application/problem+json", "application/vnd.api+json", "application/graphql-response+json", "application/manifest+json", "application/xml", "application/xhtml+xml", "application/rss+xml", "application/atom+xml", "application/wasm", "image/svg+xml", "image/x-icon", "image/vnd.microsoft.icon", "image/bmp", "font/ttf", "font/otf"]"#;
