//! The steps of SHA-256 (FIPS 180-4): in 16 streams at once with AVX-512, in two with the SHA extensions.
//!
//! Takes and gives what [`kernels`](super::kernels) says. All safe: what is not is there.

#![expect(clippy::many_single_char_names, reason = "the standard calls the working variables a to h")]

use super::kernels::x86::{count_of, load_quarter_block, load_words, store_quarter_words, store_words, transposed};
use super::kernels::{Blocks, Chains};
use core::arch::x86_64::{
    __m128i, __m512i, _mm_add_epi32, _mm_alignr_epi8, _mm_set_epi8, _mm_set_epi32, _mm_setzero_si128,
    _mm_sha256msg1_epu32, _mm_sha256msg2_epu32, _mm_sha256rnds2_epu32, _mm_shuffle_epi8, _mm_shuffle_epi32,
    _mm512_add_epi32, _mm512_broadcast_i32x4, _mm512_ror_epi32, _mm512_set1_epi32, _mm512_setzero_si512,
    _mm512_shuffle_epi8, _mm512_srli_epi32, _mm512_ternarylogic_epi32,
};

/// The constants of SHA-256's 64 steps: the cube roots of the first 64 primes, their fraction's first 32 bits (FIPS
/// 180-4, 4.2.2).
const CUBE_ROOTS: [u32; 64] = [
    0x428a_2f98,
    0x7137_4491,
    0xb5c0_fbcf,
    0xe9b5_dba5,
    0x3956_c25b,
    0x59f1_11f1,
    0x923f_82a4,
    0xab1c_5ed5,
    0xd807_aa98,
    0x1283_5b01,
    0x2431_85be,
    0x550c_7dc3,
    0x72be_5d74,
    0x80de_b1fe,
    0x9bdc_06a7,
    0xc19b_f174,
    0xe49b_69c1,
    0xefbe_4786,
    0x0fc1_9dc6,
    0x240c_a1cc,
    0x2de9_2c6f,
    0x4a74_84aa,
    0x5cb0_a9dc,
    0x76f9_88da,
    0x983e_5152,
    0xa831_c66d,
    0xb003_27c8,
    0xbf59_7fc7,
    0xc6e0_0bf3,
    0xd5a7_9147,
    0x06ca_6351,
    0x1429_2967,
    0x27b7_0a85,
    0x2e1b_2138,
    0x4d2c_6dfc,
    0x5338_0d13,
    0x650a_7354,
    0x766a_0abb,
    0x81c2_c92e,
    0x9272_2c85,
    0xa2bf_e8a1,
    0xa81a_664b,
    0xc24b_8b70,
    0xc76c_51a3,
    0xd192_e819,
    0xd699_0624,
    0xf40e_3585,
    0x106a_a070,
    0x19a4_c116,
    0x1e37_6c08,
    0x2748_774c,
    0x34b0_bcb5,
    0x391c_0cb3,
    0x4ed8_aa4a,
    0x5b9c_ca4f,
    0x682e_6ff3,
    0x748f_82ee,
    0x78a5_636f,
    0x84c8_7814,
    0x8cc7_0208,
    0x90be_fffa,
    0xa450_6ceb,
    0xbef9_a3f7,
    0xc671_78f2,
];

/// The exclusive or of three, as a truth table.
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
pub(super) fn with_avx512(chains: &mut Chains<16>, streams: &[Blocks<'_>; 16]) {
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
pub(super) fn with_sha(chains: &mut Chains<2>, streams: &[Blocks<'_>; 2]) {
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
