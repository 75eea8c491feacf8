//! Every kernel of this processor, and the scheduler, against the crates that digest one stream at a time.

use super::kernels::{Chains, every_sixteen, sha256_pair};
use super::{Feed, Kernel, Lanes, ROOM, Stream, digest_streams, one_by_one};
use crate::model::content::{Algorithm, Digest};
use crate::model::hasher::{chain_blocks, digest_of};
use crate::model::observation::Failure;
use proptest::prelude::*;

/// Bytes without a pattern that a wrong order could hide in.
pub(in crate::live) fn bytes(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    };
    (0..length).map(|_| next()).collect()
}

fn check_kernel<const N: usize>(algorithm: Algorithm, kernel: Kernel<N>, blocks: usize, seed: u64) {
    let streams: [Vec<u8>; N] = std::array::from_fn(|lane| bytes(seed + lane as u64, blocks * 64));
    let words = if algorithm == Algorithm::Md5 { 4 } else { 8 };
    let mut chains: Chains<N> = [[0; N]; 8];
    for (word, lanes) in chains.iter_mut().enumerate().take(words) {
        for (lane, value) in lanes.iter_mut().enumerate() {
            *value = u32::try_from(word * 77 + lane * 13 + 5).expect("small").wrapping_mul(0x9e37_79b9);
        }
    }
    let mut expected = chains;
    for (lane, stream) in streams.iter().enumerate() {
        let mut chain = expected.map(|lanes| lanes[lane]);
        chain_blocks(algorithm, &mut chain, stream.as_chunks().0);
        for (lanes, word) in expected.iter_mut().zip(chain) {
            lanes[lane] = word;
        }
    }
    kernel(&mut chains, &streams.each_ref().map(|stream| stream.as_chunks().0));
    assert_eq!(chains, expected, "{algorithm:?}, {blocks} blocks");
}

/// A content that comes in pieces, and may break off.
#[derive(Debug, Clone)]
struct Pieces {
    number: usize,
    content: Vec<u8>,
    at: usize,
    piece: usize,
    breaks_at: Option<usize>,
}

impl Stream for Pieces {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Failure> {
        if self.breaks_at.is_some_and(|at| self.at >= at) {
            return Err(Failure { errno: 5, text: "broken".into() });
        }
        let count = self.piece.min(buffer.len()).min(self.content.len() - self.at);
        buffer[..count].copy_from_slice(&self.content[self.at..self.at + count]);
        self.at += count;
        Ok(count)
    }

    fn length(&self) -> u64 {
        self.content.len() as u64
    }
}

/// Gives streams, the last one first, and keeps what comes back.
struct Pile {
    waiting: Vec<Pieces>,
    done: Vec<(Pieces, Result<Digest, Failure>)>,
}

impl Feed<Pieces> for Pile {
    fn next(&mut self) -> Option<Pieces> {
        self.waiting.pop()
    }

    fn done(&mut self, stream: Pieces, result: Result<Digest, Failure>) {
        self.done.push((stream, result));
    }
}

fn check_streams(algorithm: Algorithm, streams: &[Pieces], digest: impl FnOnce(&mut Pile)) {
    let mut pile = Pile { waiting: streams.to_vec(), done: Vec::new() };
    digest(&mut pile);
    assert!(pile.waiting.is_empty());
    assert_eq!(pile.done.len(), streams.len(), "every stream comes back once");
    for (stream, result) in pile.done {
        let given = &streams[stream.number];
        match given.breaks_at {
            Some(at) if at <= given.content.len() => assert!(result.is_err(), "stream {}", stream.number),
            _ => assert_eq!(result, Ok(digest_of(algorithm, &given.content)), "{} bytes", given.content.len()),
        }
    }
}

/// Every way there is to digest streams by an algorithm.
fn check_every_way(streams: &[Pieces]) {
    for (algorithm, _) in Algorithm::ALL {
        check_streams(algorithm, streams, |pile| digest_streams(algorithm, pile));
        check_streams(algorithm, streams, |pile| one_by_one(algorithm, pile));
    }
    for few in [0, 3, 16] {
        for (algorithm, kernel) in every_sixteen() {
            check_streams(algorithm, streams, |pile| Lanes::new(algorithm, kernel, few).run(pile));
        }
        if let Some(kernel) = sha256_pair() {
            check_streams(Algorithm::Sha256, streams, |pile| Lanes::new(Algorithm::Sha256, kernel, few).run(pile));
        }
    }
}

fn streams(lengths: &[usize], piece: usize) -> Vec<Pieces> {
    let stream = |(number, length): (usize, &usize)| Pieces {
        number,
        content: bytes(number as u64, *length),
        at: 0,
        piece,
        breaks_at: None,
    };
    lengths.iter().enumerate().map(stream).collect()
}

#[test]
fn contents_that_end_at_the_edges_of_blocks_and_buffers_are_digested() {
    let edges = [0, 1, 54, 55, 56, 57, 63, 64, 65, 119, 120, 127, 128, 129];
    let far: Vec<usize> = edges.iter().map(|edge| ROOM * 64 - 64 + edge).collect();
    let further: Vec<usize> = far.iter().map(|edge| edge + ROOM * 64).collect();
    check_every_way(&streams(&[&edges[..], &far, &further].concat(), usize::MAX));
}

#[test]
fn one_stream_and_none_are_digested() {
    check_every_way(&[]);
    check_every_way(&streams(&[100_000], 1000));
}

#[test]
fn a_stream_that_breaks_off_comes_back_with_its_failure_and_harms_no_other() {
    let mut streams = streams(&[70_000; 40], 9000);
    for stream in streams.iter_mut().step_by(3) {
        stream.breaks_at = Some(stream.number * 1000);
    }
    check_every_way(&streams);
}

#[test]
#[should_panic(expected = "same number of blocks")]
fn a_kernel_refuses_runs_of_different_lengths() {
    let Some((_, kernel)) = every_sixteen().into_iter().next() else { panic!("the same number of blocks: no kernel") };
    let (short, long) = ([[0; 64]; 1], [[0; 64]; 2]);
    let mut streams = [&long[..]; 16];
    streams[15] = &short;
    kernel(&mut [[0; 16]; 8], &streams);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20))]

    #[test]
    fn kernels_agree_with_the_scalar_code(blocks in 0_usize..40, seed: u32) {
        for (algorithm, kernel) in every_sixteen() {
            check_kernel(algorithm, kernel, blocks, seed.into());
        }
        if let Some(kernel) = sha256_pair() {
            check_kernel(Algorithm::Sha256, kernel, blocks, seed.into());
        }
    }

    #[test]
    fn streams_of_all_lengths_agree_with_the_scalar_code(
        lengths in prop::collection::vec(prop_oneof![0_usize..300, 0_usize..5000, 0_usize..150_000], 0..40),
        piece in prop_oneof![Just(usize::MAX), 1_usize..5000],
        broken in prop::collection::vec(prop::option::weighted(0.1, 0_usize..200_000), 40),
    ) {
        let mut streams = streams(&lengths, piece);
        for (stream, broken) in streams.iter_mut().zip(broken) {
            stream.breaks_at = broken;
        }
        check_every_way(&streams);
    }
}
