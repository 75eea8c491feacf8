//! Digesting several streams at once with the vector instructions of x86-64: MD5 of 16 streams (AVX-512 or AVX2),
//! SHA-256 of 16 streams (AVX-512) or two (SHA extensions).
//!
//! Takes one run of whole blocks for every stream, all of one length, and advances the chaining values. Knows nothing
//! of files, padding or the end of a stream. [`md5_sixteen`], [`sha256_sixteen`] and [`sha256_pair`] ask the processor
//! what it can do, and give `None` where a kernel cannot run; callers then take
//! [`crate::model::hasher::chain_blocks`].
//!
//! # Safety
//!
//! This is the one module with `unsafe`. It is there for two things only:
//!
//! - *Loading and storing vectors.* A few small functions do it (`load_*` and `store_*`). Each takes a
//!   reference to an array that is exactly as long as what is loaded or stored, and uses the instruction for unaligned
//!   addresses: the type proves that every byte is there. Which array it is, is chosen by checked indexing.
//! - *Calling functions that need a feature of the processor.* Such a function is called from its `run_*` wrapper only,
//!   which is private and handed out by the three functions above only, after `is_x86_feature_detected!` found every
//!   feature that the function is declared with. That macro also asks whether the operating system keeps the
//!   registers.
//!
//! Everything else is safe code: in a function that is declared with a feature, intrinsics that touch no memory are
//! safe to call.

#![cfg_attr(
    target_arch = "x86_64",
    expect(unsafe_code, reason = "vector instructions digest up to 16 times as fast; the argument is above")
)]

/// The chaining values of N streams: word by word, the same word of all streams together. MD5 uses the first four.
pub(super) type Chains<const N: usize> = [[u32; N]; 8];

/// Whole blocks of one stream.
pub(super) type Blocks<'a> = &'a [[u8; 64]];

/// Advances N chaining values by the blocks of N streams.
///
/// # Panics
/// When the runs differ in length.
pub(super) type Kernel<const N: usize> = fn(&mut Chains<N>, &[Blocks<'_>; N]);

#[cfg(not(target_arch = "x86_64"))]
mod none {
    use super::Kernel;

    pub(in super::super) fn md5_sixteen() -> Option<Kernel<16>> {
        None
    }

    pub(in super::super) fn sha256_sixteen() -> Option<Kernel<16>> {
        None
    }

    pub(in super::super) fn sha256_pair() -> Option<Kernel<2>> {
        None
    }

    #[cfg(test)]
    pub(in super::super) fn every_sixteen() -> Vec<(crate::model::content::Algorithm, Kernel<16>)> {
        Vec::new()
    }
}

#[cfg(all(test, not(target_arch = "x86_64")))]
pub(super) use none::every_sixteen;
#[cfg(not(target_arch = "x86_64"))]
pub(super) use none::{md5_sixteen, sha256_pair, sha256_sixteen};
#[cfg(all(test, target_arch = "x86_64"))]
pub(super) use x86::every_sixteen;
#[cfg(target_arch = "x86_64")]
pub(super) use x86::{md5_sixteen, sha256_pair, sha256_sixteen};

#[cfg(target_arch = "x86_64")]
pub(super) mod x86 {
    use super::super::{md5_steps, sha256_steps};
    use super::{Blocks, Chains, Kernel};
    use core::arch::x86_64::{
        __m128i, __m256i, __m512i, _mm_loadu_si128, _mm_storeu_si128, _mm256_loadu_si256, _mm256_storeu_si256,
        _mm512_loadu_si512, _mm512_setzero_si512, _mm512_shuffle_i32x4, _mm512_storeu_si512, _mm512_unpackhi_epi32,
        _mm512_unpackhi_epi64, _mm512_unpacklo_epi32, _mm512_unpacklo_epi64,
    };

    /// MD5 of 16 streams.
    pub(in super::super) fn md5_sixteen() -> Option<Kernel<16>> {
        md5_avx512().or_else(md5_avx2)
    }

    fn md5_avx512() -> Option<Kernel<16>> {
        is_x86_feature_detected!("avx512f").then_some(run_md5_avx512 as Kernel<16>)
    }

    fn md5_avx2() -> Option<Kernel<16>> {
        is_x86_feature_detected!("avx2").then_some(run_md5_avx2 as Kernel<16>)
    }

    /// SHA-256 of 16 streams.
    pub(in super::super) fn sha256_sixteen() -> Option<Kernel<16>> {
        let able = is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512bw");
        able.then_some(run_sha256_avx512 as Kernel<16>)
    }

    /// SHA-256 of two streams.
    pub(in super::super) fn sha256_pair() -> Option<Kernel<2>> {
        let able = is_x86_feature_detected!("sha")
            && is_x86_feature_detected!("sse2")
            && is_x86_feature_detected!("ssse3")
            && is_x86_feature_detected!("sse4.1");
        able.then_some(run_sha256_sha as Kernel<2>)
    }

    fn run_md5_avx512(chains: &mut Chains<16>, streams: &[Blocks<'_>; 16]) {
        // SAFETY: only `md5_avx512` gives this function away, after it found AVX-512F.
        unsafe { md5_steps::with_avx512(chains, streams) }
    }

    fn run_md5_avx2(chains: &mut Chains<16>, streams: &[Blocks<'_>; 16]) {
        // SAFETY: only `md5_avx2` gives this function away, after it found AVX2.
        unsafe { md5_steps::with_avx2(chains, streams) }
    }

    fn run_sha256_avx512(chains: &mut Chains<16>, streams: &[Blocks<'_>; 16]) {
        // SAFETY: only `sha256_sixteen` gives this function away, after it found AVX-512F and AVX-512BW.
        unsafe { sha256_steps::with_avx512(chains, streams) }
    }

    fn run_sha256_sha(chains: &mut Chains<2>, streams: &[Blocks<'_>; 2]) {
        // SAFETY: only `sha256_pair` gives this function away, after it found the SHA extensions, SSE2, SSSE3, SSE4.1.
        unsafe { sha256_steps::with_sha(chains, streams) }
    }

    /// The number of blocks that every stream has.
    pub(in super::super) fn count_of<const N: usize>(streams: &[Blocks<'_>; N]) -> usize {
        let count = streams.first().map_or(0, |blocks| blocks.len());
        assert!(streams.iter().all(|blocks| blocks.len() == count), "all streams advance by the same number of blocks");
        count
    }

    #[inline]
    #[target_feature(enable = "avx512f")]
    fn load_block(block: &[u8; 64]) -> __m512i {
        // SAFETY: the reference is to exactly the 64 bytes that are moved; the instruction asks for no alignment.
        unsafe { _mm512_loadu_si512(block.as_ptr().cast()) }
    }

    #[inline]
    #[target_feature(enable = "avx512f")]
    pub(in super::super) fn load_words(words: &[u32; 16]) -> __m512i {
        // SAFETY: the reference is to exactly the 64 bytes that are moved; the instruction asks for no alignment.
        unsafe { _mm512_loadu_si512(words.as_ptr().cast()) }
    }

    #[inline]
    #[target_feature(enable = "avx512f")]
    pub(in super::super) fn store_words(words: &mut [u32; 16], vector: __m512i) {
        // SAFETY: the reference is to exactly the 64 bytes that are moved; the instruction asks for no alignment.
        unsafe { _mm512_storeu_si512(words.as_mut_ptr().cast(), vector) }
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    pub(in super::super) fn load_half_block(half: &[u8; 32]) -> __m256i {
        // SAFETY: the reference is to exactly the 32 bytes that are moved; the instruction asks for no alignment.
        unsafe { _mm256_loadu_si256(half.as_ptr().cast()) }
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    pub(in super::super) fn load_half_words(half: &[u32; 8]) -> __m256i {
        // SAFETY: the reference is to exactly the 32 bytes that are moved; the instruction asks for no alignment.
        unsafe { _mm256_loadu_si256(half.as_ptr().cast()) }
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    pub(in super::super) fn store_half_words(half: &mut [u32; 8], vector: __m256i) {
        // SAFETY: the reference is to exactly the 32 bytes that are moved; the instruction asks for no alignment.
        unsafe { _mm256_storeu_si256(half.as_mut_ptr().cast(), vector) }
    }

    #[inline]
    #[target_feature(enable = "sse2")]
    pub(in super::super) fn load_quarter_block(quarter: &[u8; 16]) -> __m128i {
        // SAFETY: the reference is to exactly the 16 bytes that are moved; the instruction asks for no alignment.
        unsafe { _mm_loadu_si128(quarter.as_ptr().cast()) }
    }

    #[inline]
    #[target_feature(enable = "sse2")]
    pub(in super::super) fn store_quarter_words(quarter: &mut [u32; 4], vector: __m128i) {
        // SAFETY: the reference is to exactly the 16 bytes that are moved; the instruction asks for no alignment.
        unsafe { _mm_storeu_si128(quarter.as_mut_ptr().cast(), vector) }
    }

    /// Turns 16 blocks into 16 vectors, of which each holds one message word of all 16 streams.
    #[inline]
    #[target_feature(enable = "avx512f")]
    pub(in super::super) fn transposed(streams: &[Blocks<'_>; 16], at: usize) -> [__m512i; 16] {
        let mut rows = [_mm512_setzero_si512(); 16];
        let mut mixed = rows;
        for (row, blocks) in rows.iter_mut().zip(streams) {
            *row = load_block(&blocks[at]);
        }
        for pair in 0..8 {
            let (a, b) = (rows[2 * pair], rows[2 * pair + 1]);
            mixed[2 * pair] = _mm512_unpacklo_epi32(a, b);
            mixed[2 * pair + 1] = _mm512_unpackhi_epi32(a, b);
        }
        // Afterwards vector 4 g + j holds, in its quarter q, word 4 q + j of the streams 4 g to 4 g + 3.
        for group in 0..4 {
            let (a, b, c, d) = (mixed[4 * group], mixed[4 * group + 1], mixed[4 * group + 2], mixed[4 * group + 3]);
            rows[4 * group] = _mm512_unpacklo_epi64(a, c);
            rows[4 * group + 1] = _mm512_unpackhi_epi64(a, c);
            rows[4 * group + 2] = _mm512_unpacklo_epi64(b, d);
            rows[4 * group + 3] = _mm512_unpackhi_epi64(b, d);
        }
        // 0x88 takes the quarters 0 and 2 of both vectors, 0xdd the quarters 1 and 3.
        for j in 0..4 {
            let even = _mm512_shuffle_i32x4::<0x88>(rows[j], rows[4 + j]);
            let odd = _mm512_shuffle_i32x4::<0xdd>(rows[j], rows[4 + j]);
            let later_even = _mm512_shuffle_i32x4::<0x88>(rows[8 + j], rows[12 + j]);
            let later_odd = _mm512_shuffle_i32x4::<0xdd>(rows[8 + j], rows[12 + j]);
            mixed[j] = _mm512_shuffle_i32x4::<0x88>(even, later_even);
            mixed[4 + j] = _mm512_shuffle_i32x4::<0x88>(odd, later_odd);
            mixed[8 + j] = _mm512_shuffle_i32x4::<0xdd>(even, later_even);
            mixed[12 + j] = _mm512_shuffle_i32x4::<0xdd>(odd, later_odd);
        }
        mixed
    }

    /// Every kernel of this processor with 16 lanes, for tests.
    #[cfg(test)]
    pub(in super::super) fn every_sixteen() -> Vec<(crate::model::content::Algorithm, Kernel<16>)> {
        use crate::model::content::Algorithm::{Md5, Sha256};
        let kernels = [(Md5, md5_avx512()), (Md5, md5_avx2()), (Sha256, sha256_sixteen())];
        kernels.into_iter().filter_map(|(algorithm, kernel)| Some((algorithm, kernel?))).collect()
    }
}
