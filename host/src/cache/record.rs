//! What the tiers beyond memory keep of a response, and how it is written: one form for the disk and for Redis.
//!
//! ```text
//! header: magic 4 | kind 4 | length of key 4 | of kept 4 | of body 4 | 0 4 | hash of key 8 | sequence 8
//!         | checksum of what follows 8 | checksum of the header 8
//! key | kept | body
//! ```
//!
//! Numbers are little-endian, checksums are XXH3. The key is written whole: of two keys with the same hash, neither is
//! ever given the other's response.

use bytes::{Buf, Bytes};
use tidegate_cache::{Kept, Key};
use xxhash_rust::xxh3::{Xxh3, xxh3_64};

/// Largest body that these tiers take, in bytes.
pub const BODY_BYTES_MAX: usize = 16 << 20;
/// Length of a header.
pub const HEADER_BYTES: usize = 56;

const MAGIC: [u8; 4] = *b"tgc1";
const KEY_BYTES_MAX: usize = 64 << 10;
const KEPT_BYTES_MAX: usize = 4 << 20;

/// What is stored under a key.
#[derive(Clone, Debug)]
pub struct Record {
    /// The response less its body, or a marker.
    pub kept: Kept,
    /// Its body. A marker has none.
    pub body: Bytes,
    /// When it was stored, in the order of all that were: for purges.
    pub sequence: u64,
}

/// These bytes are not what was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a damaged record")]
pub struct Damaged;

/// What is in a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Whether it says that there is nothing under this key any more.
    pub is_removal: bool,
    /// Of the key: [`hash`].
    pub hash: u64,
    /// Of the record.
    pub sequence: u64,
    key: usize,
    kept: usize,
    body: usize,
    checksum: u64,
}

/// What a key is found by. Others may have the same.
pub fn hash(key: &Key) -> u64 {
    xxh3_64(key.as_str().as_bytes())
}

/// All of a record that comes before its body. None: some part of it is too large.
pub fn encode(key: &Key, record: &Record) -> Option<Vec<u8>> {
    let name = key.as_str().as_bytes();
    let kept = record.kept.to_wire();
    if name.len() > KEY_BYTES_MAX || kept.len() > KEPT_BYTES_MAX || record.body.len() > BODY_BYTES_MAX {
        return None;
    }
    let header = Header {
        is_removal: false,
        hash: hash(key),
        sequence: record.sequence,
        key: name.len(),
        kept: kept.len(),
        body: record.body.len(),
        checksum: checksum(&[name, &kept, &record.body]),
    };
    Some([&header.write()[..], name, &kept].concat())
}

/// The note that there is nothing under this hash any more.
pub fn removal(hash: u64) -> [u8; HEADER_BYTES] {
    let checksum = checksum(&[]);
    Header { is_removal: true, hash, sequence: 0, key: 0, kept: 0, body: 0, checksum }.write()
}

/// A record from its bytes; none if it is another key's. The body is not copied.
///
/// # Errors
/// When they are not the bytes of a record, all of them and nothing else.
pub fn decode(key: &Key, bytes: &Bytes) -> Result<Option<Record>, Damaged> {
    let (head, rest) = bytes.split_first_chunk().ok_or(Damaged)?;
    let header = Header::read(head).ok_or(Damaged)?;
    if header.is_removal || header.payload() != rest.len() || header.checksum != checksum(&[rest]) {
        return Err(Damaged);
    }
    let (name, rest) = rest.split_at(header.key);
    if name != key.as_str().as_bytes() {
        return Ok(None);
    }
    let kept = Kept::from_wire(&rest[..header.kept]).map_err(|_| Damaged)?;
    let body = bytes.slice(HEADER_BYTES + header.key + header.kept..);
    Ok(Some(Record { kept, body, sequence: header.sequence }))
}

impl Header {
    /// A header from its bytes. None: they are none.
    pub fn read(bytes: &[u8; HEADER_BYTES]) -> Option<Self> {
        let (head, mut sum) = bytes.split_at(HEADER_BYTES - 8);
        if head[..4] != MAGIC || xxh3_64(head) != sum.get_u64_le() {
            return None;
        }
        let mut head = &head[4..];
        let kind = head.get_u32_le();
        let mut length = || head.get_u32_le() as usize;
        let (key, kept, body, _) = (length(), length(), length(), length());
        let (hash, sequence, checksum) = (head.get_u64_le(), head.get_u64_le(), head.get_u64_le());
        let is_bounded = key <= KEY_BYTES_MAX && kept <= KEPT_BYTES_MAX && body <= BODY_BYTES_MAX && kind <= 1;
        is_bounded.then_some(Self { is_removal: kind == 1, hash, sequence, key, kept, body, checksum })
    }

    /// How many bytes follow it.
    pub fn payload(&self) -> usize {
        self.key + self.kept + self.body
    }

    fn write(&self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        bytes[..4].copy_from_slice(&MAGIC);
        let lengths = [usize::from(self.is_removal), self.key, self.kept, self.body];
        for (place, length) in bytes[4..20].chunks_exact_mut(4).zip(lengths) {
            // All of them are below their bounds.
            place.copy_from_slice(&(length as u32).to_le_bytes());
        }
        for (place, number) in bytes[24..48].chunks_exact_mut(8).zip([self.hash, self.sequence, self.checksum]) {
            place.copy_from_slice(&number.to_le_bytes());
        }
        let sum = xxh3_64(&bytes[..HEADER_BYTES - 8]);
        bytes[HEADER_BYTES - 8..].copy_from_slice(&sum.to_le_bytes());
        bytes
    }
}

fn checksum(parts: &[&[u8]]) -> u64 {
    let mut sum = Xxh3::new();
    parts.iter().for_each(|part| sum.update(part));
    sum.digest()
}

#[cfg(test)]
/// Records for the tests of both tiers.
pub mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use http::{HeaderMap, HeaderValue, StatusCode};
    use proptest::prelude::*;
    use tidegate_cache::Stored;
    use tidegate_core::Timestamp;

    use super::*;

    /// A response whose one field is `text`.
    pub fn record(text: &str, body: &[u8], sequence: u64) -> Record {
        let mut headers = HeaderMap::new();
        headers.insert("x-n", HeaderValue::from_str(text).unwrap());
        let stored = Stored {
            status: StatusCode::OK,
            headers,
            initial_age: Duration::ZERO,
            received_at: Timestamp::from_unix_ms(0),
            fresh_for: Duration::from_secs(60),
            stale_while_revalidate: Duration::ZERO,
            stale_if_error: Duration::ZERO,
            must_revalidate: false,
            no_cache: false,
            vary: Vec::new(),
            tags: Vec::new(),
            extent: tidegate_cache::Extent::Whole,
        };
        Record { kept: Kept::Stored(Arc::new(stored)), body: Bytes::copy_from_slice(body), sequence }
    }

    /// The field, the body and the sequence of a record.
    pub fn seen(record: &Record) -> (String, Bytes, u64) {
        let Kept::Stored(stored) = &record.kept else { panic!("{record:?}") };
        (stored.headers["x-n"].to_str().unwrap().to_owned(), record.body.clone(), record.sequence)
    }

    fn whole(key: &Key, record: &Record) -> Bytes {
        [&encode(key, record).unwrap()[..], &record.body].concat().into()
    }

    #[test]
    fn another_keys_record_is_none() {
        let bytes = whole(&Key::of("https://a/"), &record("a", b"body", 7));
        let read = decode(&Key::of("https://a/"), &bytes).unwrap().unwrap();
        assert_eq!(seen(&read), ("a".to_owned(), Bytes::from_static(b"body"), 7));
        assert!(decode(&Key::of("https://b/"), &bytes).unwrap().is_none());
    }

    #[test]
    fn what_is_too_large_is_not_written() {
        let key = Key::of("https://a/");
        let largest = record("", &vec![0; BODY_BYTES_MAX], 0);
        assert!(encode(&key, &largest).is_some());
        let larger = record("", &vec![0; BODY_BYTES_MAX + 1], 0);
        assert!(encode(&key, &larger).is_none());
    }

    #[test]
    fn a_removal_is_no_record() {
        let key = Key::of("https://a/");
        let bytes = removal(hash(&key));
        let header = Header::read(&bytes).unwrap();
        assert!(header.is_removal && header.hash == hash(&key) && header.payload() == 0);
        assert!(decode(&key, &Bytes::copy_from_slice(&bytes)).is_err());
    }

    proptest! {
        #[test]
        fn it_is_read_as_written_and_not_if_a_bit_differs(
            text in "[a-z]{0,20}",
            body in proptest::collection::vec(any::<u8>(), 0..200),
            sequence: u64,
            bit: prop::sample::Index,
            cut: prop::sample::Index,
        ) {
            let key = Key::of("https://a/\ncountry=DE");
            let original = record(&text, &body, sequence);
            let bytes = whole(&key, &original);
            let read = decode(&key, &bytes).unwrap().unwrap();
            prop_assert_eq!(seen(&read), seen(&original));
            let mut damaged = bytes.to_vec();
            let bit = bit.index(damaged.len() * 8);
            damaged[bit / 8] ^= 1 << (bit % 8);
            prop_assert!(decode(&key, &damaged.into()).is_err());
            prop_assert!(decode(&key, &bytes.slice(..cut.index(bytes.len()))).is_err());
        }
    }
}
