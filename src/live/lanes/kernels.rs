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

#![expect(unsafe_code, reason = "vector instructions digest 2 to 16 times as fast; the argument is above")]

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
mod x86 {
    use super::{Blocks, Chains, Kernel};
    use core::arch::x86_64::{
        __m128i, __m256i, __m512i, _mm_add_epi32, _mm_alignr_epi8, _mm_cvtsi32_si128, _mm_loadu_si128, _mm_set_epi8, _mm_set_epi32,
        _mm_setzero_si128, _mm_sha256msg1_epu32, _mm_sha256msg2_epu32, _mm_sha256rnds2_epu32, _mm_shuffle_epi8,
        _mm_shuffle_epi32, _mm_storeu_si128, _mm256_add_epi32, _mm256_and_si256, _mm256_andnot_si256,
        _mm256_loadu_si256, _mm256_or_si256, _mm256_permute2x128_si256, _mm256_set1_epi32, _mm256_setzero_si256,
        _mm256_slli_epi32, _mm256_srl_epi32, _mm256_storeu_si256, _mm256_unpackhi_epi32, _mm256_unpackhi_epi64,
        _mm256_unpacklo_epi32, _mm256_unpacklo_epi64, _mm256_xor_si256, _mm512_add_epi32, _mm512_broadcast_i32x4,
        _mm512_loadu_si512, _mm512_rol_epi32, _mm512_ror_epi32, _mm512_set1_epi32, _mm512_setzero_si512,
        _mm512_shuffle_epi8, _mm512_shuffle_i32x4, _mm512_srli_epi32, _mm512_storeu_si512, _mm512_ternarylogic_epi32,
        _mm512_unpackhi_epi32, _mm512_unpackhi_epi64, _mm512_unpacklo_epi32, _mm512_unpacklo_epi64,
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
        unsafe { md5_with_avx512(chains, streams) }
    }

    fn run_md5_avx2(chains: &mut Chains<16>, streams: &[Blocks<'_>; 16]) {
        // SAFETY: only `md5_avx2` gives this function away, after it found AVX2.
        unsafe { md5_with_avx2(chains, streams) }
    }

    fn run_sha256_avx512(chains: &mut Chains<16>, streams: &[Blocks<'_>; 16]) {
        // SAFETY: only `sha256_sixteen` gives this function away, after it found AVX-512F and AVX-512BW.
        unsafe { sha256_with_avx512(chains, streams) }
    }

    fn run_sha256_sha(chains: &mut Chains<2>, streams: &[Blocks<'_>; 2]) {
        // SAFETY: only `sha256_pair` gives this function away, after it found the SHA extensions, SSE2, SSSE3, SSE4.1.
        unsafe { sha256_with_sha(chains, streams) }
    }

    /// The number of blocks that every stream has.
    fn count_of<const N: usize>(streams: &[Blocks<'_>; N]) -> usize {
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
    fn load_words(words: &[u32; 16]) -> __m512i {
        // SAFETY: the reference is to exactly the 64 bytes that are moved; the instruction asks for no alignment.
        unsafe { _mm512_loadu_si512(words.as_ptr().cast()) }
    }

    #[inline]
    #[target_feature(enable = "avx512f")]
    fn store_words(words: &mut [u32; 16], vector: __m512i) {
        // SAFETY: the reference is to exactly the 64 bytes that are moved; the instruction asks for no alignment.
        unsafe { _mm512_storeu_si512(words.as_mut_ptr().cast(), vector) }
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn load_half_block(half: &[u8; 32]) -> __m256i {
        // SAFETY: the reference is to exactly the 32 bytes that are moved; the instruction asks for no alignment.
        unsafe { _mm256_loadu_si256(half.as_ptr().cast()) }
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn load_half_words(half: &[u32; 8]) -> __m256i {
        // SAFETY: the reference is to exactly the 32 bytes that are moved; the instruction asks for no alignment.
        unsafe { _mm256_loadu_si256(half.as_ptr().cast()) }
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn store_half_words(half: &mut [u32; 8], vector: __m256i) {
        // SAFETY: the reference is to exactly the 32 bytes that are moved; the instruction asks for no alignment.
        unsafe { _mm256_storeu_si256(half.as_mut_ptr().cast(), vector) }
    }

    #[inline]
    #[target_feature(enable = "sse2")]
    fn load_quarter_block(quarter: &[u8; 16]) -> __m128i {
        // SAFETY: the reference is to exactly the 16 bytes that are moved; the instruction asks for no alignment.
        unsafe { _mm_loadu_si128(quarter.as_ptr().cast()) }
    }

    #[inline]
    #[target_feature(enable = "sse2")]
    fn store_quarter_words(quarter: &mut [u32; 4], vector: __m128i) {
        // SAFETY: the reference is to exactly the 16 bytes that are moved; the instruction asks for no alignment.
        unsafe { _mm_storeu_si128(quarter.as_mut_ptr().cast(), vector) }
    }

    /// The constants of MD5's 64 steps: the whole part of `abs(sin(i + 1)) * 2^32` (RFC 1321, 3.4).
    const SINES: [u32; 64] = [
        0xd76a_a478, 0xe8c7_b756, 0x2420_70db, 0xc1bd_ceee, 0xf57c_0faf, 0x4787_c62a, 0xa830_4613, 0xfd46_9501,
        0x6980_98d8, 0x8b44_f7af, 0xffff_5bb1, 0x895c_d7be, 0x6b90_1122, 0xfd98_7193, 0xa679_438e, 0x49b4_0821,
        0xf61e_2562, 0xc040_b340, 0x265e_5a51, 0xe9b6_c7aa, 0xd62f_105d, 0x0244_1453, 0xd8a1_e681, 0xe7d3_fbc8,
        0x21e1_cde6, 0xc337_07d6, 0xf4d5_0d87, 0x455a_14ed, 0xa9e3_e905, 0xfcef_a3f8, 0x676f_02d9, 0x8d2a_4c8a,
        0xfffa_3942, 0x8771_f681, 0x6d9d_6122, 0xfde5_380c, 0xa4be_ea44, 0x4bde_cfa9, 0xf6bb_4b60, 0xbebf_bc70,
        0x289b_7ec6, 0xeaa1_27fa, 0xd4ef_3085, 0x0488_1d05, 0xd9d4_d039, 0xe6db_99e5, 0x1fa2_7cf8, 0xc4ac_5665,
        0xf429_2244, 0x432a_ff97, 0xab94_23a7, 0xfc93_a039, 0x655b_59c3, 0x8f0c_cc92, 0xffef_f47d, 0x8584_5dd1,
        0x6fa8_7e4f, 0xfe2c_e6e0, 0xa301_4314, 0x4e08_11a1, 0xf753_7e82, 0xbd3a_f235, 0x2ad7_d2bb, 0xeb86_d391,
    ];

    /// MD5's functions F, G, H, I as truth tables of (b, c, d) (RFC 1321, 3.4).
    const F: i32 = 0xca;
    const G: i32 = 0xe4;
    const H: i32 = 0x96;
    const I: i32 = 0x39;

    /// MD5's 64 steps, four at a time (RFC 1321, 3.4): the round's function and its four rotations, the message words
    /// that the four steps take, and the number of the first of them. `$four` does four steps in all streams.
    macro_rules! md5_steps {
        ($four:ident, $state:ident, $message:expr) => {
            let m = $message;
            $state = $four::<F, 7, 12, 17, 22>($state, m, [0, 1, 2, 3], 0);
            $state = $four::<F, 7, 12, 17, 22>($state, m, [4, 5, 6, 7], 4);
            $state = $four::<F, 7, 12, 17, 22>($state, m, [8, 9, 10, 11], 8);
            $state = $four::<F, 7, 12, 17, 22>($state, m, [12, 13, 14, 15], 12);
            $state = $four::<G, 5, 9, 14, 20>($state, m, [1, 6, 11, 0], 16);
            $state = $four::<G, 5, 9, 14, 20>($state, m, [5, 10, 15, 4], 20);
            $state = $four::<G, 5, 9, 14, 20>($state, m, [9, 14, 3, 8], 24);
            $state = $four::<G, 5, 9, 14, 20>($state, m, [13, 2, 7, 12], 28);
            $state = $four::<H, 4, 11, 16, 23>($state, m, [5, 8, 11, 14], 32);
            $state = $four::<H, 4, 11, 16, 23>($state, m, [1, 4, 7, 10], 36);
            $state = $four::<H, 4, 11, 16, 23>($state, m, [13, 0, 3, 6], 40);
            $state = $four::<H, 4, 11, 16, 23>($state, m, [9, 12, 15, 2], 44);
            $state = $four::<I, 6, 10, 15, 21>($state, m, [0, 7, 14, 5], 48);
            $state = $four::<I, 6, 10, 15, 21>($state, m, [12, 3, 10, 1], 52);
            $state = $four::<I, 6, 10, 15, 21>($state, m, [8, 15, 6, 13], 56);
            $state = $four::<I, 6, 10, 15, 21>($state, m, [4, 11, 2, 9], 60);
        };
    }

    /// Turns 16 blocks into 16 vectors, of which each holds one message word of all 16 streams.
    #[inline]
    #[target_feature(enable = "avx512f")]
    fn transposed(streams: &[Blocks<'_>; 16], at: usize) -> [__m512i; 16] {
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

    /// One step in 16 streams; gives what replaces `a`.
    #[inline]
    #[target_feature(enable = "avx512f")]
    fn md5_step<const MIX: i32, const TURN: i32>([a, b, c, d]: [__m512i; 4], word: __m512i, sine: u32) -> __m512i {
        let sum = _mm512_add_epi32(_mm512_add_epi32(a, word), _mm512_set1_epi32(sine.cast_signed()));
        let sum = _mm512_add_epi32(sum, _mm512_ternarylogic_epi32::<MIX>(b, c, d));
        _mm512_add_epi32(b, _mm512_rol_epi32::<TURN>(sum))
    }

    #[inline]
    #[target_feature(enable = "avx512f")]
    fn md5_four<const MIX: i32, const T0: i32, const T1: i32, const T2: i32, const T3: i32>(
        [mut a, mut b, mut c, mut d]: [__m512i; 4],
        m: &[__m512i; 16],
        words: [usize; 4],
        step: usize,
    ) -> [__m512i; 4] {
        a = md5_step::<MIX, T0>([a, b, c, d], m[words[0]], SINES[step]);
        d = md5_step::<MIX, T1>([d, a, b, c], m[words[1]], SINES[step + 1]);
        c = md5_step::<MIX, T2>([c, d, a, b], m[words[2]], SINES[step + 2]);
        b = md5_step::<MIX, T3>([b, c, d, a], m[words[3]], SINES[step + 3]);
        [a, b, c, d]
    }

    #[target_feature(enable = "avx512f")]
    fn md5_with_avx512(chains: &mut Chains<16>, streams: &[Blocks<'_>; 16]) {
        let mut state = [_mm512_setzero_si512(); 4];
        for (vector, words) in state.iter_mut().zip(chains.iter()) {
            *vector = load_words(words);
        }
        for at in 0..count_of(streams) {
            let message = transposed(streams, at);
            let before = state;
            md5_steps!(md5_four, state, &message);
            for (word, before) in state.iter_mut().zip(&before) {
                *word = _mm512_add_epi32(*word, *before);
            }
        }
        for (words, vector) in chains.iter_mut().zip(&state) {
            store_words(words, *vector);
        }
    }

    /// Two vectors of 8 streams each: while one waits for its last result, the other computes.
    type Pair = [__m256i; 2];

    /// Turns half a block each of 8 streams into 8 vectors, of which each holds one message word of all 8 streams.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn transposed_half(rows: &[__m256i; 8]) -> [__m256i; 8] {
        let mut mixed = [_mm256_setzero_si256(); 8];
        let mut groups = mixed;
        for pair in 0..4 {
            let (a, b) = (rows[2 * pair], rows[2 * pair + 1]);
            mixed[2 * pair] = _mm256_unpacklo_epi32(a, b);
            mixed[2 * pair + 1] = _mm256_unpackhi_epi32(a, b);
        }
        for group in 0..2 {
            let (a, b, c, d) = (mixed[4 * group], mixed[4 * group + 1], mixed[4 * group + 2], mixed[4 * group + 3]);
            groups[4 * group] = _mm256_unpacklo_epi64(a, c);
            groups[4 * group + 1] = _mm256_unpackhi_epi64(a, c);
            groups[4 * group + 2] = _mm256_unpacklo_epi64(b, d);
            groups[4 * group + 3] = _mm256_unpackhi_epi64(b, d);
        }
        // 0x20 takes the lower halves of both vectors, 0x31 the upper ones.
        for j in 0..4 {
            mixed[j] = _mm256_permute2x128_si256::<0x20>(groups[j], groups[4 + j]);
            mixed[4 + j] = _mm256_permute2x128_si256::<0x31>(groups[j], groups[4 + j]);
        }
        mixed
    }

    /// The 16 message words of 16 streams.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn transposed_pairs(streams: &[Blocks<'_>; 16], at: usize) -> [Pair; 16] {
        let mut message = [[_mm256_setzero_si256(); 2]; 16];
        for eight in 0..2 {
            for half in 0..2 {
                let mut rows = [_mm256_setzero_si256(); 8];
                for (row, blocks) in rows.iter_mut().zip(&streams[8 * eight..]) {
                    *row = load_half_block(&blocks[at].as_chunks().0[half]);
                }
                for (word, vector) in transposed_half(&rows).iter().enumerate() {
                    message[8 * half + word][eight] = *vector;
                }
            }
        }
        message
    }

    /// F, G, H or I, without an instruction for truth tables.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn mixed<const MIX: i32>(b: __m256i, c: __m256i, d: __m256i) -> __m256i {
        match MIX {
            F => _mm256_xor_si256(d, _mm256_and_si256(b, _mm256_xor_si256(c, d))),
            G => _mm256_or_si256(_mm256_and_si256(d, b), _mm256_andnot_si256(d, c)),
            H => _mm256_xor_si256(b, _mm256_xor_si256(c, d)),
            _ => _mm256_xor_si256(c, _mm256_or_si256(b, _mm256_xor_si256(d, _mm256_set1_epi32(-1)))),
        }
    }

    /// One step in 16 streams; gives what replaces `a`.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn pair_step<const MIX: i32, const TURN: i32>([a, b, c, d]: [Pair; 4], word: Pair, sine: u32) -> Pair {
        let mut next = a;
        for eight in 0..2 {
            let sum = _mm256_add_epi32(_mm256_add_epi32(a[eight], word[eight]), _mm256_set1_epi32(sine.cast_signed()));
            let sum = _mm256_add_epi32(sum, mixed::<MIX>(b[eight], c[eight], d[eight]));
            next[eight] = _mm256_add_epi32(b[eight], turned::<TURN>(sum));
        }
        next
    }

    /// All words rotated to the left.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn turned<const TURN: i32>(words: __m256i) -> __m256i {
        let back = _mm_cvtsi32_si128(32 - TURN);
        _mm256_or_si256(_mm256_slli_epi32::<TURN>(words), _mm256_srl_epi32(words, back))
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn pair_four<const MIX: i32, const T0: i32, const T1: i32, const T2: i32, const T3: i32>(
        [mut a, mut b, mut c, mut d]: [Pair; 4],
        m: &[Pair; 16],
        words: [usize; 4],
        step: usize,
    ) -> [Pair; 4] {
        a = pair_step::<MIX, T0>([a, b, c, d], m[words[0]], SINES[step]);
        d = pair_step::<MIX, T1>([d, a, b, c], m[words[1]], SINES[step + 1]);
        c = pair_step::<MIX, T2>([c, d, a, b], m[words[2]], SINES[step + 2]);
        b = pair_step::<MIX, T3>([b, c, d, a], m[words[3]], SINES[step + 3]);
        [a, b, c, d]
    }

    #[target_feature(enable = "avx2")]
    fn md5_with_avx2(chains: &mut Chains<16>, streams: &[Blocks<'_>; 16]) {
        let mut state = [[_mm256_setzero_si256(); 2]; 4];
        for (pair, words) in state.iter_mut().zip(chains.iter()) {
            for (vector, half) in pair.iter_mut().zip(words.as_chunks().0) {
                *vector = load_half_words(half);
            }
        }
        for at in 0..count_of(streams) {
            let message = transposed_pairs(streams, at);
            let before = state;
            md5_steps!(pair_four, state, &message);
            for (word, before) in state.iter_mut().flatten().zip(before.iter().flatten()) {
                *word = _mm256_add_epi32(*word, *before);
            }
        }
        for (words, pair) in chains.iter_mut().zip(&state) {
            for (half, vector) in words.as_chunks_mut().0.iter_mut().zip(pair) {
                store_half_words(half, *vector);
            }
        }
    }

    /// The constants of SHA-256's 64 steps: the cube roots of the first 64 primes, their fraction's first 32 bits (FIPS
    /// 180-4, 4.2.2).
    const CUBE_ROOTS: [u32; 64] = [
        0x428a_2f98, 0x7137_4491, 0xb5c0_fbcf, 0xe9b5_dba5, 0x3956_c25b, 0x59f1_11f1, 0x923f_82a4, 0xab1c_5ed5,
        0xd807_aa98, 0x1283_5b01, 0x2431_85be, 0x550c_7dc3, 0x72be_5d74, 0x80de_b1fe, 0x9bdc_06a7, 0xc19b_f174,
        0xe49b_69c1, 0xefbe_4786, 0x0fc1_9dc6, 0x240c_a1cc, 0x2de9_2c6f, 0x4a74_84aa, 0x5cb0_a9dc, 0x76f9_88da,
        0x983e_5152, 0xa831_c66d, 0xb003_27c8, 0xbf59_7fc7, 0xc6e0_0bf3, 0xd5a7_9147, 0x06ca_6351, 0x1429_2967,
        0x27b7_0a85, 0x2e1b_2138, 0x4d2c_6dfc, 0x5338_0d13, 0x650a_7354, 0x766a_0abb, 0x81c2_c92e, 0x9272_2c85,
        0xa2bf_e8a1, 0xa81a_664b, 0xc24b_8b70, 0xc76c_51a3, 0xd192_e819, 0xd699_0624, 0xf40e_3585, 0x106a_a070,
        0x19a4_c116, 0x1e37_6c08, 0x2748_774c, 0x34b0_bcb5, 0x391c_0cb3, 0x4ed8_aa4a, 0x5b9c_ca4f, 0x682e_6ff3,
        0x748f_82ee, 0x78a5_636f, 0x84c8_7814, 0x8cc7_0208, 0x90be_fffa, 0xa450_6ceb, 0xbef9_a3f7, 0xc671_78f2,
    ];

    /// The exclusive or of three, as a truth table; `H` by MD5's name.
    #[inline]
    #[target_feature(enable = "avx512f")]
    fn xor3(a: __m512i, b: __m512i, c: __m512i) -> __m512i {
        _mm512_ternarylogic_epi32::<0x96>(a, b, c)
    }

    /// One step of SHA-256 in 16 streams (FIPS 180-4, 6.2.2): the new working variables.
    #[inline]
    #[target_feature(enable = "avx512f")]
    fn sha256_step([a, b, c, d, e, f, g, h]: [__m512i; 8], word: __m512i, root: u32) -> [__m512i; 8] {
        // The truth tables of Ch and Maj (FIPS 180-4, 4.1.2).
        let choice = _mm512_ternarylogic_epi32::<0xca>(e, f, g);
        let majority = _mm512_ternarylogic_epi32::<0xe8>(a, b, c);
        let upper_e = xor3(_mm512_ror_epi32::<6>(e), _mm512_ror_epi32::<11>(e), _mm512_ror_epi32::<25>(e));
        let upper_a = xor3(_mm512_ror_epi32::<2>(a), _mm512_ror_epi32::<13>(a), _mm512_ror_epi32::<22>(a));
        let first = _mm512_add_epi32(_mm512_add_epi32(h, word), _mm512_set1_epi32(root.cast_signed()));
        let first = _mm512_add_epi32(first, _mm512_add_epi32(choice, upper_e));
        let second = _mm512_add_epi32(majority, upper_a);
        [_mm512_add_epi32(first, second), a, b, c, _mm512_add_epi32(d, first), e, f, g]
    }

    /// The message schedule's word `at` (modulo 16), from the 16 words before it (FIPS 180-4, 6.2.2).
    #[inline]
    #[target_feature(enable = "avx512f")]
    fn sha256_word(m: &[__m512i; 16], at: usize) -> __m512i {
        let (early, late) = (m[(at + 1) % 16], m[(at + 14) % 16]);
        let lower0 = xor3(_mm512_ror_epi32::<7>(early), _mm512_ror_epi32::<18>(early), _mm512_srli_epi32::<3>(early));
        let lower1 = xor3(_mm512_ror_epi32::<17>(late), _mm512_ror_epi32::<19>(late), _mm512_srli_epi32::<10>(late));
        _mm512_add_epi32(_mm512_add_epi32(m[at], lower0), _mm512_add_epi32(m[(at + 9) % 16], lower1))
    }

    /// `$one` for the numbers 0 to 15: written out, so that no compiler has to find out that it pays to unroll it.
    macro_rules! sixteen_times {
        ($one:ident) => {
            $one!(0);
            $one!(1);
            $one!(2);
            $one!(3);
            $one!(4);
            $one!(5);
            $one!(6);
            $one!(7);
            $one!(8);
            $one!(9);
            $one!(10);
            $one!(11);
            $one!(12);
            $one!(13);
            $one!(14);
            $one!(15);
        };
    }

    #[target_feature(enable = "avx512f,avx512bw")]
    fn sha256_with_avx512(chains: &mut Chains<16>, streams: &[Blocks<'_>; 16]) {
        let big_endian = _mm512_broadcast_i32x4(big_endian());
        let mut state = [_mm512_setzero_si512(); 8];
        for (vector, words) in state.iter_mut().zip(chains.iter()) {
            *vector = load_words(words);
        }
        for at in 0..count_of(streams) {
            let mut message = transposed(streams, at);
            for word in &mut message {
                *word = _mm512_shuffle_epi8(*word, big_endian);
            }
            let before = state;
            macro_rules! step {
                ($at:literal) => {
                    state = sha256_step(state, message[$at], CUBE_ROOTS[$at]);
                };
            }
            sixteen_times!(step);
            for group in 1..4 {
                macro_rules! scheduled_step {
                    ($at:literal) => {
                        message[$at] = sha256_word(&message, $at);
                        state = sha256_step(state, message[$at], CUBE_ROOTS[16 * group + $at]);
                    };
                }
                sixteen_times!(scheduled_step);
            }
            for (word, before) in state.iter_mut().zip(&before) {
                *word = _mm512_add_epi32(*word, *before);
            }
        }
        for (words, vector) in chains.iter_mut().zip(&state) {
            store_words(words, *vector);
        }
    }

    /// What turns the bytes of every 32-bit word round: SHA-256 counts from the big end.
    #[inline]
    #[target_feature(enable = "sse2")]
    fn big_endian() -> __m128i {
        _mm_set_epi8(12, 13, 14, 15, 8, 9, 10, 11, 4, 5, 6, 7, 0, 1, 2, 3)
    }

    /// The working variables of one stream as the SHA extensions want them: a, b, e, f and c, d, g, h (Intel SDM 2,
    /// SHA256RNDS2), the first one in the highest place; with the four vectors of the message schedule.
    #[derive(Clone, Copy)]
    struct Stream {
        abef: __m128i,
        cdgh: __m128i,
        message: [__m128i; 4],
    }

    /// Four steps of one stream: the steps 4 `quad` to 4 `quad` + 3.
    #[inline]
    #[target_feature(enable = "sha,sse2,ssse3,sse4.1")]
    fn sha256_four(stream: &mut Stream, quad: usize) {
        let m = &mut stream.message;
        let at = quad % 4;
        if quad >= 4 {
            let sum = _mm_sha256msg1_epu32(m[at], m[(at + 1) % 4]);
            let sum = _mm_add_epi32(sum, _mm_alignr_epi8::<4>(m[(at + 3) % 4], m[(at + 2) % 4]));
            m[at] = _mm_sha256msg2_epu32(sum, m[(at + 3) % 4]);
        }
        let [r0, r1, r2, r3] = [0, 1, 2, 3].map(|step| CUBE_ROOTS[4 * quad + step].cast_signed());
        let words = _mm_add_epi32(m[at], _mm_set_epi32(r3, r2, r1, r0));
        stream.cdgh = _mm_sha256rnds2_epu32(stream.cdgh, stream.abef, words);
        // The instruction takes the lower two words only: 0x0e brings the upper two down.
        stream.abef = _mm_sha256rnds2_epu32(stream.abef, stream.cdgh, _mm_shuffle_epi32::<0x0e>(words));
    }

    #[target_feature(enable = "sha,sse2,ssse3,sse4.1")]
    fn sha256_with_sha(chains: &mut Chains<2>, streams: &[Blocks<'_>; 2]) {
        let zero = _mm_setzero_si128();
        let mut both = [Stream { abef: zero, cdgh: zero, message: [zero; 4] }; 2];
        for (lane, stream) in both.iter_mut().enumerate() {
            let [a, b, c, d, e, f, g, h] = chains.map(|words| words[lane].cast_signed());
            stream.abef = _mm_set_epi32(a, b, e, f);
            stream.cdgh = _mm_set_epi32(c, d, g, h);
        }
        for at in 0..count_of(streams) {
            let before = both;
            for (stream, blocks) in both.iter_mut().zip(streams) {
                for (words, bytes) in stream.message.iter_mut().zip(blocks[at].as_chunks().0) {
                    *words = _mm_shuffle_epi8(load_quarter_block(bytes), big_endian());
                }
            }
            macro_rules! four {
                ($quad:literal) => {
                    for stream in &mut both {
                        sha256_four(stream, $quad);
                    }
                };
            }
            sixteen_times!(four);
            for (stream, before) in both.iter_mut().zip(&before) {
                stream.abef = _mm_add_epi32(stream.abef, before.abef);
                stream.cdgh = _mm_add_epi32(stream.cdgh, before.cdgh);
            }
        }
        for (lane, stream) in both.iter().enumerate() {
            let (mut feba, mut hgdc) = ([0; 4], [0; 4]);
            store_quarter_words(&mut feba, stream.abef);
            store_quarter_words(&mut hgdc, stream.cdgh);
            let [[f, e, b, a], [h, g, d, c]] = [feba, hgdc];
            for (words, word) in chains.iter_mut().zip([a, b, c, d, e, f, g, h]) {
                words[lane] = word;
            }
        }
    }

    /// Every kernel of this processor with 16 lanes, for tests.
    #[cfg(test)]
    pub(in super::super) fn every_sixteen() -> Vec<(crate::model::content::Algorithm, Kernel<16>)> {
        use crate::model::content::Algorithm::{Md5, Sha256};
        let kernels = [(Md5, md5_avx512()), (Md5, md5_avx2()), (Sha256, sha256_sixteen())];
        kernels.into_iter().filter_map(|(algorithm, kernel)| Some((algorithm, kernel?))).collect()
    }
}
