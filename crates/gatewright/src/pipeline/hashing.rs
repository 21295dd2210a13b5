//! Files are hashed as they are read.

use std::io::Read;

use gatewright_core::digest::{Digest, Hasher};

/// Returns the digest of all that a file holds; nothing where it cannot be read to its end.
pub(crate) fn digest(file: impl Read) -> Option<Digest> {
    let mut hashing = Hashing::new(file);
    std::io::copy(&mut hashing, &mut std::io::sink()).ok()?;
    Some(hashing.finish())
}

/// Hashes what is read through it.
pub(super) struct Hashing<R> {
    inner: R,
    hasher: Hasher,
}

impl<R> Hashing<R> {
    pub(super) fn new(inner: R) -> Self {
        let hasher = Hasher::default();
        Self { inner, hasher }
    }

    /// Returns the digest of what was read.
    pub(super) fn finish(self) -> Digest {
        self.hasher.finish()
    }
}

impl<R: Read> Read for Hashing<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.hasher.update(&buffer[..count]);
        Ok(count)
    }
}
