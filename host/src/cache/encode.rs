//! Compression on the way into the store, piece by piece.
//!
//! What has been compressed comes out when the encoder has enough of it, not with each piece: the body is stored, and
//! who waits for it meanwhile gets it a little later.

use std::io::{self, Write};

use brotli::CompressorWriter;
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use tidegate_cache::Coding;
use zstd::stream::raw::CParameter;
use zstd::stream::write::Encoder as ZstdEncoder;

/// How hard gzip tries: 1 to 9.
const GZIP_LEVEL: u32 = 6;
/// How hard Brotli tries: 0 to 11. From 5 on it is better than gzip, and not slower.
const BROTLI_QUALITY: u32 = 5;
/// How far back Brotli and Zstandard look: 1 MiB, which is also most of what they take of memory. Clients need not take
/// more than 8 MiB of zstd (RFC 9659 section 3).
const WINDOW_LOG: u32 = 20;
/// How hard Zstandard tries: 1 to 22.
const ZSTD_LEVEL: i32 = 3;
/// What Brotli hands out at once, in bytes.
const BROTLI_BUFFER: usize = 4096;

/// Compresses a body. It takes a few MiB of memory, however long the body is.
pub struct Encoder(Inner);

enum Inner {
    Gzip(GzEncoder<Vec<u8>>),
    Brotli(Box<CompressorWriter<Vec<u8>>>),
    Zstd(ZstdEncoder<'static, Vec<u8>>),
    /// It could not be made, or failed before.
    Broken,
}

/// The compressor failed: what came out of it is no body, and is not to be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a body could not be compressed")]
pub struct EncodeError;

impl Encoder {
    /// An encoder for one body.
    pub fn new(coding: Coding) -> Self {
        Self(match coding {
            Coding::Gzip => Inner::Gzip(GzEncoder::new(Vec::new(), Compression::new(GZIP_LEVEL))),
            Coding::Brotli => {
                let writer = CompressorWriter::new(Vec::new(), BROTLI_BUFFER, BROTLI_QUALITY, WINDOW_LOG);
                Inner::Brotli(Box::new(writer))
            }
            Coding::Zstd => zstd().map_or(Inner::Broken, Inner::Zstd),
        })
    }

    /// Compresses a piece. What is ready of the result: often nothing.
    ///
    /// # Errors
    /// When the compressor fails; it does from then on.
    pub fn push(&mut self, data: &[u8]) -> Result<Bytes, EncodeError> {
        let pushed = self.0.push(data);
        if pushed.is_err() {
            self.0 = Inner::Broken;
        }
        pushed
    }

    /// The rest of the result.
    ///
    /// # Errors
    /// When the compressor fails, or has failed.
    pub fn finish(self) -> Result<Bytes, EncodeError> {
        let rest = match self.0 {
            Inner::Gzip(encoder) => encoder.finish().map_err(|_| EncodeError)?,
            Inner::Brotli(encoder) => encoder.into_inner(),
            Inner::Zstd(encoder) => encoder.finish().map_err(|_| EncodeError)?,
            Inner::Broken => return Err(EncodeError),
        };
        Ok(rest.into())
    }
}

impl Inner {
    fn push(&mut self, data: &[u8]) -> Result<Bytes, EncodeError> {
        let (written, ready) = match self {
            Self::Gzip(encoder) => (encoder.write_all(data), encoder.get_mut()),
            Self::Brotli(encoder) => (encoder.write_all(data), encoder.get_mut()),
            Self::Zstd(encoder) => (encoder.write_all(data), encoder.get_mut()),
            Self::Broken => return Err(EncodeError),
        };
        written.map_err(|_| EncodeError)?;
        Ok(std::mem::take(ready).into())
    }
}

fn zstd() -> io::Result<ZstdEncoder<'static, Vec<u8>>> {
    let mut encoder = ZstdEncoder::new(Vec::new(), ZSTD_LEVEL)?;
    encoder.set_parameter(CParameter::WindowLog(WINDOW_LOG))?;
    Ok(encoder)
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use proptest::prelude::*;

    use super::*;

    fn decode(coding: Coding, bytes: &[u8]) -> Vec<u8> {
        let mut body = Vec::new();
        match coding {
            Coding::Gzip => flate2::read::GzDecoder::new(bytes).read_to_end(&mut body).unwrap(),
            Coding::Brotli => brotli::Decompressor::new(bytes, 4096).read_to_end(&mut body).unwrap(),
            Coding::Zstd => zstd::Decoder::new(bytes).unwrap().read_to_end(&mut body).unwrap(),
        };
        body
    }

    fn encode<'a>(coding: Coding, pieces: impl Iterator<Item = &'a [u8]>) -> Vec<u8> {
        let mut encoder = Encoder::new(coding);
        let mut out = Vec::new();
        pieces.for_each(|piece| out.extend_from_slice(&encoder.push(piece).unwrap()));
        out.extend_from_slice(&encoder.finish().unwrap());
        out
    }

    /// Text that repeats itself, but not exactly.
    fn text(length: usize) -> Vec<u8> {
        let words = (0_u32..).flat_map(|n| format!("word{} ", n.wrapping_mul(2_654_435_761) % 977).into_bytes());
        words.take(length).collect()
    }

    #[test]
    fn an_empty_body_has_a_form_too() {
        for coding in Coding::ALL {
            let bytes = encode(coding, std::iter::empty());
            assert!(!bytes.is_empty() && decode(coding, &bytes).is_empty(), "{coding:?}");
        }
    }

    #[test]
    fn text_becomes_smaller() {
        let text = text(100_000);
        for coding in Coding::ALL {
            let length = encode(coding, text.chunks(1000)).len();
            assert!(length < text.len() / 2, "{coding:?}: {length}");
        }
    }

    #[test]
    fn what_is_ready_comes_out_and_does_not_pile_up() {
        // Does not repeat itself, so that what comes out is as long as what went in.
        let mut state = 1_u64;
        let mut noise = std::iter::repeat_with(move || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 56) as u8
        });
        for coding in Coding::ALL {
            let mut encoder = Encoder::new(coding);
            let (mut out, mut within_max) = (0, 0);
            for n in 1..=1000 {
                let piece: Vec<u8> = noise.by_ref().take(16 << 10).collect();
                out += encoder.push(&piece).unwrap().len();
                within_max = within_max.max((n * (16 << 10) as usize).saturating_sub(out));
            }
            assert!(within_max < 4 << 20, "{coding:?}: {within_max} bytes within");
        }
    }

    #[test]
    fn a_compressor_that_failed_gives_nothing() {
        let mut encoder = Encoder(Inner::Broken);
        assert_eq!(encoder.push(b"x"), Err(EncodeError));
        assert_eq!(encoder.finish(), Err(EncodeError));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn whatever_the_pieces_the_body_is_the_same(
            noise in proptest::collection::vec(any::<u8>(), 0..3000),
            length in 0..300_000_usize,
            sizes in proptest::collection::vec(0..70_000_usize, 0..20),
        ) {
            let body = [&noise[..], &text(length), &noise].concat();
            for coding in Coding::ALL {
                let mut rest = &body[..];
                let mut pieces: Vec<&[u8]> = Vec::new();
                for size in &sizes {
                    let (piece, after) = rest.split_at((*size).min(rest.len()));
                    pieces.push(piece);
                    rest = after;
                }
                pieces.push(rest);
                let bytes = encode(coding, pieces.into_iter());
                prop_assert!(decode(coding, &bytes) == body, "{:?}", coding);
            }
        }
    }
}
