//! How stores, keys, expiry times and totals are laid out in the file. Format version 1.
//!
//! | table   | key                                   | value                          |
//! |---------|---------------------------------------|--------------------------------|
//! | meta    | `"format"`                            | the version of this layout     |
//! | entries | label length (u8), label, key         | the value as the function wrote it |
//! | expiry  | expires_at (u64 BE, ms), entries key  | nothing                        |
//! | usage   | label length (u8), label              | keys, bytes                    |
//!
//! One table for all stores, rather than a table each: a write transaction then opens the same few
//! trees however many stores a batch touches. The length in front keeps label `ab` with key `c`
//! apart from label `a` with key `bc`, and makes a store one contiguous range, so listing its keys
//! from a cursor is one descent and a walk.

use redb::TableDefinition;

/// The version of the layout that this code writes, and the newest it reads.
pub const FORMAT: u64 = 1;
/// The name of the one row in [`META`] so far.
pub const FORMAT_ROW: &str = "format";

/// Facts about the file itself.
pub const META: TableDefinition<&str, u64> = TableDefinition::new("meta");
/// Every entry of every store.
pub const ENTRIES: TableDefinition<&[u8], &[u8]> = TableDefinition::new("entries");
/// The entries that expire, soonest first.
pub const EXPIRY: TableDefinition<&[u8], ()> = TableDefinition::new("expiry");
/// What each store holds: (keys, bytes), so that its bound is checked without counting.
pub const USAGE: TableDefinition<&[u8], (u64, u64)> = TableDefinition::new("usage");

/// The longest label of a store, in bytes (its length is one byte in the file).
pub const LABEL_MAX: usize = 255;

/// What a value begins with when it carries its own expiry time: this mark, then the Unix time in
/// milliseconds as a big-endian u64, then what the function stored. The sdk writes it, because
/// Spin's key-value interface has no time to live; a host that knows nothing of it returns the
/// same bytes, and the sdk then judges the time itself.
pub const TTL_MARK: &[u8; 8] = b"\0TGTTL1\0";
/// Length of the mark and the time behind it.
pub const ENVELOPE: usize = TTL_MARK.len() + size_of::<u64>();

/// The prefix under which a store's keys lie. `None` if the label is too long.
pub fn store_prefix(label: &str) -> Option<Vec<u8>> {
    let length = u8::try_from(label.len()).ok()?;
    let mut prefix = Vec::with_capacity(1 + label.len());
    prefix.push(length);
    prefix.extend_from_slice(label.as_bytes());
    Some(prefix)
}

/// The prefix of the store that an [`ENTRIES`] key belongs to.
pub fn prefix_of(entry_key: &[u8]) -> &[u8] {
    let length = entry_key.first().map_or(0, |n| 1 + usize::from(*n));
    &entry_key[..length.min(entry_key.len())]
}

/// The smallest key above every key of a store.
pub fn end_of(prefix: &[u8]) -> Vec<u8> {
    let mut end = prefix.to_vec();
    // The last byte is a length below 255 when the label is empty (0), otherwise the last byte of
    // UTF-8 text (at most 0xBF or 0x7F): adding one never overflows.
    if let Some(last) = end.last_mut() {
        *last = last.saturating_add(1);
    }
    end
}

/// The key of an entry: its store's prefix, then the key as the function names it.
pub fn entry_key(prefix: &[u8], key: &str) -> Vec<u8> {
    [prefix, key.as_bytes()].concat()
}

/// When a value expires (Unix time in milliseconds), if it carries a time.
pub fn expires_at(value: &[u8]) -> Option<u64> {
    let rest = value.strip_prefix(TTL_MARK)?;
    rest.first_chunk().map(|time| u64::from_be_bytes(*time))
}

/// Whether a value's time has come. A value is live up to, and not at, its `expires_at`.
pub fn is_expired(value: &[u8], now_ms: u64) -> bool {
    expires_at(value).is_some_and(|at| at <= now_ms)
}

/// The row of an entry in [`EXPIRY`].
pub fn expiry_key(expires_at: u64, entry_key: &[u8]) -> Vec<u8> {
    [&expires_at.to_be_bytes(), entry_key].concat()
}

/// The time and the entry of a row in [`EXPIRY`]. `None` for a row too short to be one of ours.
pub fn parse_expiry_key(row: &[u8]) -> Option<(u64, &[u8])> {
    let (time, entry_key) = row.split_first_chunk()?;
    Some((u64::from_be_bytes(*time), entry_key))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stores_do_not_overlap() {
        let key = |label: &str, key: &str| entry_key(&store_prefix(label).unwrap(), key);
        assert_ne!(key("ab", "c"), key("a", "bc"));
        for (label, outside) in [("a", "b"), ("a", ""), ("a", "aa"), ("", "a"), ("é", "ê")] {
            let prefix = store_prefix(label).unwrap();
            let range = prefix.clone()..end_of(&prefix);
            assert!(range.contains(&key(label, "")), "{label}");
            assert!(range.contains(&key(label, "\u{10FFFF}")), "{label}");
            assert!(!range.contains(&key(outside, "x")), "{label} has {outside}");
        }
        assert_eq!(prefix_of(&key("carts", "1")), store_prefix("carts").unwrap());
        assert!(store_prefix(&"x".repeat(LABEL_MAX)).is_some());
        assert!(store_prefix(&"x".repeat(LABEL_MAX + 1)).is_none());
    }

    #[test]
    fn envelopes() {
        let envelope = |at: u64| [&TTL_MARK[..], &at.to_be_bytes(), b"body"].concat();
        for (value, at) in [
            (envelope(5), Some(5)),
            (envelope(u64::MAX), Some(u64::MAX)),
            (envelope(5)[..ENVELOPE].to_vec(), Some(5)),
            (envelope(5)[..ENVELOPE - 1].to_vec(), None),
            (b"\0TGTTL2\0aaaaaaaa".to_vec(), None),
            (Vec::new(), None),
        ] {
            assert_eq!(expires_at(&value), at, "{value:?}");
        }
        assert!(!is_expired(&envelope(5), 4));
        assert!(is_expired(&envelope(5), 5));
    }

    #[test]
    fn expiry_rows_sort_by_time() {
        assert!(expiry_key(255, b"z") < expiry_key(256, b"a"));
        assert_eq!(parse_expiry_key(&expiry_key(7, b"k")), Some((7, &b"k"[..])));
        assert_eq!(parse_expiry_key(b"short"), None);
    }
}
