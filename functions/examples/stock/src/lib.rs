//! How many of a product are left: `GET /stock/:sku` answers `{"sku":"harbour-mug","available":17}`.
//!
//! It is an example of the other way to write a function: on WASI 0.2's own interfaces, without an sdk, built by
//! `cargo component`. The shop calls it in-process as `http://stock.spin.internal`. A real one would ask a database.

mod level;
#[cfg(target_os = "wasi")]
mod wasi_http;

/// An answer: the status and the JSON.
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The body.
    pub json: String,
}

/// Answers a request. Knows nothing of WASI, so that it is tested natively.
pub fn answer(method_is_get: bool, path: &str) -> Answer {
    let path = path.split_once('?').map_or(path, |(path, _query)| path);
    let Some(sku) = path.strip_prefix("/stock/").filter(|sku| is_sku(sku)) else {
        return problem(404, "Not Found");
    };
    if !method_is_get {
        return problem(405, "Method Not Allowed");
    }
    // A sku needs no escaping: see is_sku.
    Answer { status: 200, json: format!(r#"{{"sku":"{sku}","available":{}}}"#, level::of(sku)) }
}

fn is_sku(sku: &str) -> bool {
    (1..=64).contains(&sku.len()) && sku.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-'))
}

fn problem(status: u16, title: &str) -> Answer {
    Answer { status, json: format!(r#"{{"type":"about:blank","title":"{title}","status":{status}}}"#) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_skus_and_nothing_else() {
        for (get, path, status) in [
            (true, "/stock/harbour-mug", 200),
            (true, "/stock/harbour-mug?x=1", 200),
            (false, "/stock/harbour-mug", 405),
            (true, "/stock/", 404),
            (true, "/stock/a/b", 404),
            (true, "/stock/\"", 404),
            (true, "/", 404),
        ] {
            assert_eq!(answer(get, path).status, status, "{path}");
        }
    }

    #[test]
    fn the_answer_is_json() {
        assert_eq!(answer(true, "/stock/harbour-mug").json, r#"{"sku":"harbour-mug","available":4}"#);
    }
}
