//! Computing digests: pure, and the one home of the hash crates.

use super::content::{Algorithm, Digest};
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
        let (algorithm, bytes): (Algorithm, Box<[u8]>) = match self.0 {
            State::Md5(hasher) => (Algorithm::Md5, hasher.finalize().as_slice().into()),
            State::Sha1(hasher) => (Algorithm::Sha1, hasher.finalize().as_slice().into()),
            State::Sha256(hasher) => (Algorithm::Sha256, hasher.finalize().as_slice().into()),
            State::Sha512(hasher) => (Algorithm::Sha512, hasher.finalize().as_slice().into()),
            State::GitBlob(hasher) => (Algorithm::GitBlob, hasher.finalize().as_slice().into()),
        };
        Digest { algorithm, bytes }
    }
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
