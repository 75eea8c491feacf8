//! Digesting many streams side by side, so that vector instructions have something to do.
//!
//! Takes streams as lanes become free ([`Feed::next`]) and hands every stream back with its digest or with why it could
//! not be read ([`Feed::done`]). Every lane reads its stream through a buffer of its own; all lanes then advance by as
//! many blocks as the emptiest buffer holds. Opens nothing, knows no files, starts no threads. Which instructions there
//! are is for [`kernels`] to know.

mod kernels;
#[cfg(target_arch = "x86_64")]
mod md5_steps;
#[cfg(target_arch = "x86_64")]
mod sha256_steps;
#[cfg(test)]
pub(in crate::live) mod tests;

use crate::model::content::{Algorithm, Digest};
use crate::model::hasher::{Hasher, chain_blocks, chain_digest, chain_end, chain_start};
use crate::model::observation::Failure;
use kernels::{Chains, Kernel};

/// Something to digest.
pub trait Stream {
    /// Reads on from where the last call stopped, and gives the number of bytes; 0 at the end.
    ///
    /// # Errors
    /// When it cannot be read on. It is given back then and not read again.
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Failure>;

    /// How many bytes it is expected to have: git's blob ids begin with it.
    fn length(&self) -> u64;
}

/// Where streams come from and where they go.
pub trait Feed<S> {
    /// The next stream; `None` when there is none now. Asked again as long as lanes are at work.
    fn next(&mut self) -> Option<S>;

    /// Takes a stream back.
    fn done(&mut self, stream: S, result: Result<Digest, Failure>);
}

/// How many blocks of 64 bytes a lane reads at once. 16 such buffers stay in a second-level cache.
const ROOM: usize = 1024;

/// The most blocks that the end of a content can add: its own last bytes, one byte, and eight for the length.
const END: usize = 2;

/// Digests all streams by one algorithm, several at once where this processor can.
pub fn digest_streams<S: Stream>(algorithm: Algorithm, feed: &mut impl Feed<S>) {
    match algorithm {
        Algorithm::Md5 => {
            if let Some(kernel) = kernels::md5_sixteen() {
                // One lane of 16 is as fast as the scalar code (measured on Zen 4 and on Sapphire Rapids).
                return Lanes::new(algorithm, kernel, 1).run(feed);
            }
        }
        Algorithm::Sha256 => {
            let pair = kernels::sha256_pair();
            if let Some(kernel) = kernels::sha256_sixteen() {
                // With the SHA extensions the scalar code is as fast as seven lanes of 16.
                return Lanes::new(algorithm, kernel, if pair.is_some() { 7 } else { 1 }).run(feed);
            }
            if let Some(kernel) = pair {
                return Lanes::new(algorithm, kernel, 1).run(feed);
            }
        }
        Algorithm::Sha1 | Algorithm::Sha512 | Algorithm::GitBlob => {}
    }
    one_by_one(algorithm, feed);
}

/// Digests one stream after the other.
fn one_by_one<S: Stream>(algorithm: Algorithm, feed: &mut impl Feed<S>) {
    let mut buffer = vec![0; ROOM * 64];
    while let Some(mut stream) = feed.next() {
        let mut hasher = Hasher::new(algorithm, stream.length());
        let result = loop {
            match stream.read(&mut buffer) {
                Ok(0) => break Ok(hasher.finish()),
                Ok(count) => hasher.update(&buffer[..count]),
                Err(failure) => break Err(failure),
            }
        };
        feed.done(stream, result);
    }
}

/// N streams at work.
struct Lanes<S, const N: usize> {
    algorithm: Algorithm,
    start: [u32; 8],
    kernel: Kernel<N>,
    /// With no more lanes alive than this the scalar code is faster.
    few: usize,
    chains: Chains<N>,
    alive: [Option<Lane<S>>; N],
}

/// A stream, and the part of it that was read and not digested yet.
struct Lane<S> {
    stream: S,
    buffer: Buffer,
    /// The blocks of the buffer that are still to digest.
    at: usize,
    end: usize,
    /// How many bytes were read in all.
    length: u64,
    /// Whether the buffer holds the end of the content.
    ended: bool,
}

type Buffer = Box<[[u8; 64]]>;

impl<S> Lane<S> {
    fn left(&self) -> usize {
        self.end - self.at
    }

    fn blocks(&self, count: usize) -> &[[u8; 64]] {
        &self.buffer[self.at..self.at + count]
    }
}

impl<S: Stream> Lane<S> {
    /// Reads until the buffer is full or the stream at its end, which gets its padding then.
    fn refill(&mut self, algorithm: Algorithm) -> Result<(), Failure> {
        let bytes = self.buffer.as_flattened_mut();
        let mut filled = 0;
        while filled < ROOM * 64 && !self.ended {
            match self.stream.read(&mut bytes[filled..ROOM * 64])? {
                0 => self.ended = true,
                count => filled += count,
            }
        }
        self.length += filled as u64;
        self.at = 0;
        self.end = filled / 64;
        if self.ended {
            self.end = (filled + 9).div_ceil(64);
            let tail = &mut bytes[filled..self.end * 64];
            tail.fill(0);
            tail[0] = 0x80;
            let length_at = tail.len() - 8;
            tail[length_at..].copy_from_slice(&chain_end(algorithm, self.length));
        }
        Ok(())
    }
}

impl<S: Stream, const N: usize> Lanes<S, N> {
    fn new(algorithm: Algorithm, kernel: Kernel<N>, few: usize) -> Self {
        let start = chain_start(algorithm).expect("algorithms with a kernel have blocks of 64 bytes");
        let alive = std::array::from_fn(|_| None);
        Self { algorithm, start, kernel, few, chains: [[0; N]; 8], alive }
    }

    fn run(mut self, feed: &mut impl Feed<S>) {
        let mut spare: Vec<Buffer> = Vec::new();
        loop {
            for lane in 0..N {
                self.supply(lane, feed, &mut spare);
            }
            match self.alive.iter().flatten().count() {
                0 => return,
                alive if alive <= self.few => self.advance_each(),
                _ => self.advance_all(),
            }
        }
    }

    /// Gives a lane something to digest, unless nothing is left.
    fn supply(&mut self, number: usize, feed: &mut impl Feed<S>, spare: &mut Vec<Buffer>) {
        loop {
            let Some(lane) = &mut self.alive[number] else {
                let Some(stream) = feed.next() else { return };
                let buffer = spare.pop().unwrap_or_else(|| vec![[0; 64]; ROOM + END].into());
                self.set_chain(number, self.start);
                self.alive[number] = Some(Lane { stream, buffer, at: 0, end: 0, length: 0, ended: false });
                continue;
            };
            if lane.left() > 0 {
                return;
            }
            let result = if lane.ended {
                Ok(chain_digest(self.algorithm, &self.chain(number)))
            } else {
                match lane.refill(self.algorithm) {
                    Ok(()) => continue,
                    Err(failure) => Err(failure),
                }
            };
            if let Some(lane) = self.alive[number].take() {
                spare.push(lane.buffer);
                feed.done(lane.stream, result);
            }
        }
    }

    fn chain(&self, lane: usize) -> [u32; 8] {
        self.chains.map(|words| words[lane])
    }

    fn set_chain(&mut self, lane: usize, chain: [u32; 8]) {
        for (words, word) in self.chains.iter_mut().zip(chain) {
            words[lane] = word;
        }
    }

    /// All lanes, as far as the one with the least to digest. Free lanes do the work of another for nothing.
    fn advance_all(&mut self) {
        let Some(step) = self.alive.iter().flatten().map(Lane::left).min() else { return };
        let Some(any) = self.alive.iter().flatten().next() else { return };
        let streams = self.alive.each_ref().map(|lane| lane.as_ref().unwrap_or(any).blocks(step));
        (self.kernel)(&mut self.chains, &streams);
        for lane in self.alive.iter_mut().flatten() {
            lane.at += step;
        }
    }

    /// Every lane by itself, as far as its buffer goes.
    fn advance_each(&mut self) {
        for number in 0..N {
            let mut chain = self.chain(number);
            let Some(lane) = &mut self.alive[number] else { continue };
            chain_blocks(self.algorithm, &mut chain, &lane.buffer[lane.at..lane.end]);
            lane.at = lane.end;
            self.set_chain(number, chain);
        }
    }
}
