//! The steps of MD5 in 16 streams at once (RFC 1321): one vector of 16 words with AVX-512, two vectors of 8 with AVX2.
//!
//! Takes and gives what [`kernels`](super::kernels) says. All safe: what is not is there.

use super::kernels::x86::{
    count_of, load_half_block, load_half_words, load_words, store_half_words, store_words, transposed,
};
use super::kernels::{Blocks, Chains};
use core::arch::x86_64::{
    __m256i, __m512i, _mm_cvtsi32_si128, _mm256_add_epi32, _mm256_and_si256, _mm256_andnot_si256, _mm256_or_si256,
    _mm256_permute2x128_si256, _mm256_set1_epi32, _mm256_setzero_si256, _mm256_slli_epi32, _mm256_srl_epi32,
    _mm256_unpackhi_epi32, _mm256_unpackhi_epi64, _mm256_unpacklo_epi32, _mm256_unpacklo_epi64, _mm256_xor_si256,
    _mm512_add_epi32, _mm512_rol_epi32, _mm512_set1_epi32, _mm512_setzero_si512, _mm512_ternarylogic_epi32,
};

/// The constants of MD5's 64 steps: the whole part of `abs(sin(i + 1)) * 2^32` (RFC 1321, 3.4).
const SINES: [u32; 64] = [
    0xd76a_a478,
    0xe8c7_b756,
    0x2420_70db,
    0xc1bd_ceee,
    0xf57c_0faf,
    0x4787_c62a,
    0xa830_4613,
    0xfd46_9501,
    0x6980_98d8,
    0x8b44_f7af,
    0xffff_5bb1,
    0x895c_d7be,
    0x6b90_1122,
    0xfd98_7193,
    0xa679_438e,
    0x49b4_0821,
    0xf61e_2562,
    0xc040_b340,
    0x265e_5a51,
    0xe9b6_c7aa,
    0xd62f_105d,
    0x0244_1453,
    0xd8a1_e681,
    0xe7d3_fbc8,
    0x21e1_cde6,
    0xc337_07d6,
    0xf4d5_0d87,
    0x455a_14ed,
    0xa9e3_e905,
    0xfcef_a3f8,
    0x676f_02d9,
    0x8d2a_4c8a,
    0xfffa_3942,
    0x8771_f681,
    0x6d9d_6122,
    0xfde5_380c,
    0xa4be_ea44,
    0x4bde_cfa9,
    0xf6bb_4b60,
    0xbebf_bc70,
    0x289b_7ec6,
    0xeaa1_27fa,
    0xd4ef_3085,
    0x0488_1d05,
    0xd9d4_d039,
    0xe6db_99e5,
    0x1fa2_7cf8,
    0xc4ac_5665,
    0xf429_2244,
    0x432a_ff97,
    0xab94_23a7,
    0xfc93_a039,
    0x655b_59c3,
    0x8f0c_cc92,
    0xffef_f47d,
    0x8584_5dd1,
    0x6fa8_7e4f,
    0xfe2c_e6e0,
    0xa301_4314,
    0x4e08_11a1,
    0xf753_7e82,
    0xbd3a_f235,
    0x2ad7_d2bb,
    0xeb86_d391,
];

/// MD5's functions F, G, H, I as truth tables of (b, c, d) (RFC 1321, 3.4).
const F: i32 = 0xca;
const G: i32 = 0xe4;
const H: i32 = 0x96;
const I: i32 = 0x39;

/// Four steps of MD5. `$step` does one step in all streams and gives what replaces the first of the four variables.
macro_rules! md5_four {
    ($step:ident, $state:ident, $m:ident, $sines:ident, $mix:ident, [$t0:literal, $t1:literal, $t2:literal, $t3:literal],
     [$w0:literal, $w1:literal, $w2:literal, $w3:literal], $first:literal) => {
        let [a, b, c, d] = $state;
        let a = $step::<$mix, $t0>([a, b, c, d], $m[$w0], $sines[$first]);
        let d = $step::<$mix, $t1>([d, a, b, c], $m[$w1], $sines[$first + 1]);
        let c = $step::<$mix, $t2>([c, d, a, b], $m[$w2], $sines[$first + 2]);
        let b = $step::<$mix, $t3>([b, c, d, a], $m[$w3], $sines[$first + 3]);
        $state = [a, b, c, d];
    };
}

/// MD5's 64 steps (RFC 1321, 3.4): of every four the round's function, the rotations, the message words that they
/// take, and the number of the first.
macro_rules! md5_steps {
    ($step:ident, $state:ident, $message:expr, $sines:expr) => {
        let (m, sines) = ($message, $sines);
        md5_four!($step, $state, m, sines, F, [7, 12, 17, 22], [0, 1, 2, 3], 0);
        md5_four!($step, $state, m, sines, F, [7, 12, 17, 22], [4, 5, 6, 7], 4);
        md5_four!($step, $state, m, sines, F, [7, 12, 17, 22], [8, 9, 10, 11], 8);
        md5_four!($step, $state, m, sines, F, [7, 12, 17, 22], [12, 13, 14, 15], 12);
        md5_four!($step, $state, m, sines, G, [5, 9, 14, 20], [1, 6, 11, 0], 16);
        md5_four!($step, $state, m, sines, G, [5, 9, 14, 20], [5, 10, 15, 4], 20);
        md5_four!($step, $state, m, sines, G, [5, 9, 14, 20], [9, 14, 3, 8], 24);
        md5_four!($step, $state, m, sines, G, [5, 9, 14, 20], [13, 2, 7, 12], 28);
        md5_four!($step, $state, m, sines, H, [4, 11, 16, 23], [5, 8, 11, 14], 32);
        md5_four!($step, $state, m, sines, H, [4, 11, 16, 23], [1, 4, 7, 10], 36);
        md5_four!($step, $state, m, sines, H, [4, 11, 16, 23], [13, 0, 3, 6], 40);
        md5_four!($step, $state, m, sines, H, [4, 11, 16, 23], [9, 12, 15, 2], 44);
        md5_four!($step, $state, m, sines, I, [6, 10, 15, 21], [0, 7, 14, 5], 48);
        md5_four!($step, $state, m, sines, I, [6, 10, 15, 21], [12, 3, 10, 1], 52);
        md5_four!($step, $state, m, sines, I, [6, 10, 15, 21], [8, 15, 6, 13], 56);
        md5_four!($step, $state, m, sines, I, [6, 10, 15, 21], [4, 11, 2, 9], 60);
    };
}

/// One step in 16 streams; gives what replaces `a`.
#[inline]
#[target_feature(enable = "avx512f")]
fn md5_step<const MIX: i32, const TURN: i32>([a, b, c, d]: [__m512i; 4], word: __m512i, sine: __m512i) -> __m512i {
    let sum = _mm512_add_epi32(_mm512_add_epi32(a, word), sine);
    let sum = _mm512_add_epi32(sum, _mm512_ternarylogic_epi32::<MIX>(b, c, d));
    _mm512_add_epi32(b, _mm512_rol_epi32::<TURN>(sum))
}

#[target_feature(enable = "avx512f")]
pub(super) fn with_avx512(chains: &mut Chains<16>, streams: &[Blocks<'_>; 16]) {
    let mut state = [_mm512_setzero_si512(); 4];
    for (vector, words) in state.iter_mut().zip(chains.iter()) {
        *vector = load_words(words);
    }
    // A step waits for the last one's result. What it adds besides is to be added before that comes, but the optimiser adds
    // what it knows to be constant last, behind it: so it must not know (a sixth of the time, measured on Sapphire Rapids).
    let sines = std::hint::black_box(SINES).map(|sine| _mm512_set1_epi32(sine.cast_signed()));
    for at in 0..count_of(streams) {
        let message = transposed(streams, at);
        let before = state;
        md5_steps!(md5_step, state, &message, &sines);
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

/// Eight message words, from one half of their blocks, of 8 of the 16 streams.
#[inline]
#[target_feature(enable = "avx2")]
fn half_message(streams: &[Blocks<'_>], at: usize, half: usize) -> [__m256i; 8] {
    let mut rows = [_mm256_setzero_si256(); 8];
    for (row, blocks) in rows.iter_mut().zip(streams) {
        *row = load_half_block(&blocks[at].as_chunks().0[half]);
    }
    transposed_half(&rows)
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

#[target_feature(enable = "avx2")]
pub(super) fn with_avx2(chains: &mut Chains<16>, streams: &[Blocks<'_>; 16]) {
    let mut state = [[_mm256_setzero_si256(); 2]; 4];
    for (pair, words) in state.iter_mut().zip(chains.iter()) {
        for (vector, half) in pair.iter_mut().zip(words.as_chunks().0) {
            *vector = load_half_words(half);
        }
    }
    let mut message = [[_mm256_setzero_si256(); 2]; 16];
    for at in 0..count_of(streams) {
        for (eight, streams) in streams.chunks(8).enumerate() {
            for half in 0..2 {
                for (word, vector) in half_message(streams, at, half).iter().enumerate() {
                    message[8 * half + word][eight] = *vector;
                }
            }
        }
        let before = state;
        md5_steps!(pair_step, state, &message, &SINES);
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
