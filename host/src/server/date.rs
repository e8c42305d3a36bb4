//! The Date field, formatted once a second for each core.

use std::cell::RefCell;
use std::time::{SystemTime, UNIX_EPOCH};

thread_local! {
    static NOW: RefCell<(u64, String)> = const { RefCell::new((0, String::new())) };
}

/// Gives `use_it` the present time as an HTTP date (RFC 9110 section 5.6.7).
pub fn with_now<T>(use_it: impl FnOnce(&[u8]) -> T) -> T {
    let now = SystemTime::now();
    let second = now.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    NOW.with_borrow_mut(|(formatted_second, text)| {
        if *formatted_second != second || text.is_empty() {
            *formatted_second = second;
            *text = httpdate::fmt_http_date(now);
        }
        use_it(text.as_bytes())
    })
}
