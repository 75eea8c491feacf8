//! Computing digests: pure, and the one home of the hash crates.

use super::content::{Algorithm, Digest, DigestBytes};
use sha2::Digest as _;

/// The digest of bytes in memory.
pub fn digest_of(algorithm: Algorithm, bytes: &[u8]) -> Digest {
    let mut hasher = Hasher::new(algorithm, bytes.len() as u64);
    hasher.update(bytes);
    hasher.finish()
}

/// A digest in the making.
#[derive(Clone)]
pub struct Hasher(State);

#[derive(Clone)]
enum State {
    Md5(md5::Md5),
    Sha1(sha1::Sha1),
    Sha256(sha2::Sha256),
    Sha512(sha2::Sha512),
    GitBlob(sha1::Sha1),
}

impl Hasher {
    /// Begins; `size` in bytes must be that of the whole content (git's blob ids begin with it).
    pub fn new(algorithm: Algorithm, size: u64) -> Self {
        Self(match algorithm {
            Algorithm::Md5 => State::Md5(md5::Md5::new()),
            Algorithm::Sha1 => State::Sha1(sha1::Sha1::new()),
            Algorithm::Sha256 => State::Sha256(sha2::Sha256::new()),
            Algorithm::Sha512 => State::Sha512(sha2::Sha512::new()),
            Algorithm::GitBlob => {
                let mut hasher = sha1::Sha1::new();
                hasher.update(format!("blob {size}\0"));
                State::GitBlob(hasher)
            }
        })
    }

    /// Adds the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        match &mut self.0 {
            State::Md5(hasher) => hasher.update(bytes),
            State::Sha1(hasher) | State::GitBlob(hasher) => hasher.update(bytes),
            State::Sha256(hasher) => hasher.update(bytes),
            State::Sha512(hasher) => hasher.update(bytes),
        }
    }

    /// The digest of everything that was added.
    pub fn finish(self) -> Digest {
        let (algorithm, bytes): (Algorithm, DigestBytes) = match self.0 {
            State::Md5(hasher) => (Algorithm::Md5, hasher.finalize().as_slice().into()),
            State::Sha1(hasher) => (Algorithm::Sha1, hasher.finalize().as_slice().into()),
            State::Sha256(hasher) => (Algorithm::Sha256, hasher.finalize().as_slice().into()),
            State::Sha512(hasher) => (Algorithm::Sha512, hasher.finalize().as_slice().into()),
            State::GitBlob(hasher) => (Algorithm::GitBlob, hasher.finalize().as_slice().into()),
        };
        Digest { algorithm, bytes }
    }
}

/// The inner state of an algorithm with blocks of 64 bytes, for those who digest many streams side by side; the words
/// that the algorithm does not use are 0. `None` for algorithms with other blocks, and for git's, which begins with
/// the length of the content.
///
/// The values are those of RFC 1321 (3.3), RFC 3174 (6.1) and FIPS 180-4 (5.3.3).
pub fn chain_start(algorithm: Algorithm) -> Option<[u32; 8]> {
    const FOUR: [u32; 4] = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476];
    let [a, b, c, d] = FOUR;
    match algorithm {
        Algorithm::Md5 => Some([a, b, c, d, 0, 0, 0, 0]),
        Algorithm::Sha1 => Some([a, b, c, d, 0xc3d2_e1f0, 0, 0, 0]),
        Algorithm::Sha256 => Some([
            0x6a09_e667,
            0xbb67_ae85,
            0x3c6e_f372,
            0xa54f_f53a,
            0x510e_527f,
            0x9b05_688c,
            0x1f83_d9ab,
            0x5be0_cd19,
        ]),
        Algorithm::Sha512 | Algorithm::GitBlob => None,
    }
}

/// Advances the inner state by whole blocks.
///
/// # Panics
/// For an algorithm that has no [`chain_start`].
pub fn chain_blocks(algorithm: Algorithm, chain: &mut [u32; 8], blocks: &[[u8; 64]]) {
    match algorithm {
        Algorithm::Md5 => {
            let state = chain.first_chunk_mut().expect("eight words begin with four");
            md5::block_api::compress(state, blocks);
        }
        Algorithm::Sha1 => {
            let state = chain.first_chunk_mut().expect("eight words begin with five");
            sha1::block_api::compress(state, blocks);
        }
        Algorithm::Sha256 => sha2::block_api::compress256(chain, blocks),
        Algorithm::Sha512 | Algorithm::GitBlob => unreachable!("it has no chain to begin with"),
    }
}

/// What ends a content of `length` bytes, after as many zeros as fill the last block: the length in bits.
pub fn chain_end(algorithm: Algorithm, length: u64) -> [u8; 8] {
    // Modulo 2^64, as RFC 1321 (3.2) has it; nobody has files so large that the other algorithms would forbid them.
    let bits = length.wrapping_mul(8);
    if algorithm == Algorithm::Md5 { bits.to_le_bytes() } else { bits.to_be_bytes() }
}

/// The digest that an inner state is, once the end was added.
pub fn chain_digest(algorithm: Algorithm, chain: &[u32; 8]) -> Digest {
    let bytes = chain.iter().flat_map(|word| match algorithm {
        Algorithm::Md5 => word.to_le_bytes(),
        _ => word.to_be_bytes(),
    });
    Digest { algorithm, bytes: bytes.take(algorithm.digest_length()).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_agree_with_the_standard_tools() {
        // md5sum, sha1sum, sha256sum, sha512sum and `git hash-object` of "rectify\n".
        for (algorithm, hex) in [
            (Algorithm::Md5, "7d7b159c67b11c0ae0b6a50e50b346ec"),
            (Algorithm::Sha1, "ad12b1598b796b84559ca33f86508283e4d578b2"),
            (Algorithm::Sha256, "62fa4e563e2b9f16dcfad170c9cced05a01b764b5c5e02c4d120fbb7edfa714a"),
            (Algorithm::GitBlob, "aead91b002a6f5d93686c0dcdf8c5e722f3642d5"),
        ] {
            assert_eq!(digest_of(algorithm, b"rectify\n").hex(), hex);
        }
        assert!(digest_of(Algorithm::Sha512, b"rectify\n").hex().starts_with("8d81c355cb0b7eb6d0530d5d3676c157"));
    }
}
