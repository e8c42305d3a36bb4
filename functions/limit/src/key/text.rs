//! The text of a key, as it is put together.

use std::net::{IpAddr, Ipv6Addr};

use sha2::{Digest, Sha256};

use super::Key;

/// Most keys are shorter. A key costs one allocation then: that of its own text.
const SHORT: usize = 128;

/// Printable ASCII, in which no value can look like the end of itself: see [`Text::push_value`].
pub(super) struct Text {
    short: [u8; SHORT],
    len: usize,
    /// All of it, once it is not short any more.
    long: Vec<u8>,
}

impl Text {
    pub fn new() -> Self {
        Self { short: [0; SHORT], len: 0, long: Vec::new() }
    }

    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub fn as_str(&self) -> &str {
        let bytes = if self.len <= SHORT { &self.short[..self.len] } else { &self.long };
        // ASCII is all that is written here.
        std::str::from_utf8(bytes).unwrap_or_default()
    }

    /// Appends what is printable ASCII.
    pub fn push(&mut self, text: &str) {
        self.push_bytes(text.as_bytes());
    }

    /// Appends a value as it is, if it is printable ASCII without `|`, `=`, `%` and `#`; what else is in it is
    /// percent-encoded. Of a secret one, and of one that would be longer than [`Key::VALUE_MAX`], it appends a digest
    /// behind a `#`.
    pub fn push_value(&mut self, value: &[u8], is_secret: bool) {
        if is_secret || value.len() + 2 * encoded(value) > Key::VALUE_MAX {
            self.push_digest(value);
        } else {
            self.push_encoded(value);
        }
    }

    /// Appends a text, percent-encoded.
    pub fn push_encoded(&mut self, text: &[u8]) {
        if encoded(text) == 0 {
            return self.push_bytes(text);
        }
        for byte in text {
            if is_plain(*byte) {
                self.push_bytes(&[*byte]);
            } else {
                let [high, low] = hex(*byte, b"0123456789ABCDEF");
                self.push_bytes(&[b'%', high, low]);
            }
        }
    }

    fn push_digest(&mut self, value: &[u8]) {
        let mut text = [b'#'; 33];
        for (pair, byte) in text[1..].chunks_exact_mut(2).zip(Sha256::digest(value)) {
            pair.copy_from_slice(&hex(byte, b"0123456789abcdef"));
        }
        self.push_bytes(&text);
    }

    /// Appends the network of an address; without its prefix, if that is the whole address.
    pub fn push_network(&mut self, address: IpAddr, ipv4_prefix: u8, ipv6_prefix: u8) {
        let mut line = Line { text: [0; Line::LEN], len: 0 };
        match address {
            IpAddr::V4(address) => {
                let prefix = ipv4_prefix.min(32);
                // A shift by all bits is none.
                let mask = u32::MAX.checked_shl(32 - u32::from(prefix)).unwrap_or(0);
                line.push_ipv4((u32::from(address) & mask).to_be_bytes());
                line.push_prefix(prefix, 32);
            }
            IpAddr::V6(address) => {
                let prefix = ipv6_prefix.min(128);
                let mask = u128::MAX.checked_shl(128 - u32::from(prefix)).unwrap_or(0);
                line.push_ipv6(Ipv6Addr::from(u128::from(address) & mask).segments());
                line.push_prefix(prefix, 128);
            }
        }
        self.push_bytes(&line.text[..line.len]);
    }

    fn push_bytes(&mut self, bytes: &[u8]) {
        let end = self.len + bytes.len();
        if let Some(place) = self.short.get_mut(self.len..end) {
            place.copy_from_slice(bytes);
        } else {
            if self.long.is_empty() {
                self.long.extend_from_slice(&self.short[..self.len]);
            }
            self.long.extend_from_slice(bytes);
        }
        self.len = end;
    }
}

/// Whether a byte of a value stands for itself. `|` parts the parts of a key, `=` names from values; `%` begins what is
/// encoded, `#` a digest.
const fn is_plain(byte: u8) -> bool {
    matches!(byte, b' '..=b'~') && !matches!(byte, b'|' | b'=' | b'%' | b'#')
}

/// How many bytes are encoded, into three each.
fn encoded(text: &[u8]) -> usize {
    text.iter().map(|byte| usize::from(!is_plain(*byte))).sum()
}

fn hex(byte: u8, digits: &[u8; 16]) -> [u8; 2] {
    [digits[usize::from(byte >> 4)], digits[usize::from(byte & 15)]]
}

/// An address, written by hand and with few branches: every request has one, and `core::fmt` takes four times as long.
struct Line {
    text: [u8; Self::LEN],
    len: usize,
}

impl Line {
    /// Eight groups of four digits, seven colons, a slash and three digits; and room for what is written in vain.
    const LEN: usize = 48;

    fn push(&mut self, byte: u8) {
        self.text[self.len] = byte;
        self.len += 1;
    }

    /// Appends the first `len` of four bytes.
    fn push_some(&mut self, bytes: [u8; 4], len: usize) {
        self.text[self.len..self.len + 4].copy_from_slice(&bytes);
        self.len += len;
    }

    fn push_ipv4(&mut self, octets: [u8; 4]) {
        for (place, octet) in octets.into_iter().enumerate() {
            if place > 0 {
                self.push(b'.');
            }
            self.push_decimal(octet);
        }
    }

    /// As RFC 5952 section 4 has it: small letters, no leading zeros, `::` for the first longest run of zeros.
    fn push_ipv6(&mut self, groups: [u16; 8]) {
        let zeros = longest_zeros(groups);
        let mut place = 0;
        while place < groups.len() {
            if place == zeros.start && !zeros.is_empty() {
                self.push(b':');
                self.push(b':');
                place = zeros.end;
                continue;
            }
            if place > 0 && place != zeros.end {
                self.push(b':');
            }
            self.push_group(groups[place]);
            place += 1;
        }
    }

    fn push_group(&mut self, group: u16) {
        // Four bits to a byte.
        let bits = u32::from(group);
        let bits = (bits | bits << 8) & 0x00ff_00ff;
        let bits = (bits | bits << 4) & 0x0f0f_0f0f;
        let letters = (bits + 0x0606_0606) >> 4 & 0x0101_0101;
        let digits = bits + 0x3030_3030 + letters * u32::from(b'a' - b'0' - 10);
        let zeros = (group | 1).leading_zeros() / 4;
        self.push_some((digits << (8 * zeros)).to_be_bytes(), 4 - zeros as usize);
    }

    fn push_prefix(&mut self, prefix: u8, whole: u8) {
        if prefix < whole {
            self.push(b'/');
            self.push_decimal(prefix);
        }
    }

    fn push_decimal(&mut self, number: u8) {
        let [digits @ .., len] = DECIMAL[usize::from(number)];
        self.push_some([digits[0], digits[1], digits[2], 0], usize::from(len));
    }
}

/// Numbers in digits, and how many these are.
static DECIMAL: [[u8; 4]; 256] = {
    let mut table = [[0; 4]; 256];
    let mut number = 0;
    while number < table.len() {
        let [hundreds, tens, ones] =
            [b'0' + (number / 100) as u8, b'0' + (number / 10 % 10) as u8, b'0' + (number % 10) as u8];
        table[number] = match number {
            100.. => [hundreds, tens, ones, 3],
            10.. => [tens, ones, 0, 2],
            _ => [ones, 0, 0, 1],
        };
        number += 1;
    }
    table
};

/// The first longest run of two and more zeros. Without one, an empty range at the end, where no group is.
fn longest_zeros(groups: [u16; 8]) -> std::ops::Range<usize> {
    let (mut longest, mut start) = (8..8, 0);
    for (place, group) in groups.into_iter().enumerate() {
        if group != 0 {
            start = place + 1;
        } else if place + 1 - start > longest.len().max(1) {
            longest = start..place + 1;
        }
    }
    longest
}
