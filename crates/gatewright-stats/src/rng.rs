//! Random words as a pure function of a label and a place: Philox4x64-10 (Salmon et al. 2011).
//!
//! Any thread may compute any replicate, so results depend neither on thread count nor on which other cells ran.

use sha2::{Digest, Sha256};

const MULTIPLIERS: [u64; 2] = [0xD2E7_470E_E14C_6C93, 0xCA5A_8263_9512_1157];
const WEYL: [u64; 2] = [0x9E37_79B9_7F4A_7C15, 0xBB67_AE85_84CA_A73B];

/// Returns the four words of Philox4x64-10 at a counter under a key.
pub fn philox4x64_10(counter: [u64; 4], key: [u64; 2]) -> [u64; 4] {
    let (mut c, mut k) = (counter, key);
    for round in 0..10 {
        if round > 0 {
            k = [k[0].wrapping_add(WEYL[0]), k[1].wrapping_add(WEYL[1])];
        }
        let wide = |i: usize, word: u64| {
            let product = u128::from(MULTIPLIERS[i]) * u128::from(word);
            ((product >> 64) as u64, product as u64)
        };
        let ((high0, low0), (high1, low1)) = (wide(0, c[0]), wide(1, c[2]));
        c = [high1 ^ c[1] ^ k[0], low1, high0 ^ c[3] ^ k[1], low0];
    }
    c
}

/// Returns the key of a label: the first 16 bytes of its SHA-256 as two little-endian words.
pub fn key(label: &str) -> [u64; 2] {
    let hash = Sha256::digest(label.as_bytes());
    let word = |from: usize| {
        let mut bytes = [0_u8; 8];
        bytes.copy_from_slice(&hash[from..from + 8]);
        u64::from_le_bytes(bytes)
    };
    [word(0), word(8)]
}

/// Returns word j of replicate r under a key.
pub fn word(key: [u64; 2], replicate: u64, j: u64) -> u64 {
    philox4x64_10([j / 4, replicate, 0, 0], key)[(j % 4) as usize]
}

/// Maps a word to [0, 1) in steps of 2⁻⁵³.
pub fn uniform(word: u64) -> f64 {
    (word >> 11) as f64 * 2.0_f64.powi(-53)
}

/// Maps a word to 0..n without rejection.
pub fn index(word: u64, n: u64) -> u64 {
    ((u128::from(word) * u128::from(n)) >> 64) as u64
}

/// A reader of one replicate's words in order.
#[derive(Clone, Debug)]
pub struct Stream {
    key: [u64; 2],
    replicate: u64,
    next: u64,
    block: [u64; 4],
}

impl Stream {
    /// Opens the replicate of a cell: the label is `gate/1|seed=…|criterion=…|segment=…|purpose=…`.
    pub fn new(seed: u64, criterion: &str, segment: &str, purpose: &str, replicate: u64) -> Self {
        let label =
            format!("gate/1|seed={seed}|criterion={criterion}|segment={segment}|purpose={purpose}");
        Self {
            key: key(&label),
            replicate,
            next: 0,
            block: [0; 4],
        }
    }

    /// Opens another replicate of the same cell.
    #[must_use]
    pub fn replicate(&self, replicate: u64) -> Self {
        Self {
            key: self.key,
            replicate,
            next: 0,
            block: [0; 4],
        }
    }

    /// Returns the next four words, from the start of a block: what is left of the one before is skipped.
    pub fn block(&mut self) -> [u64; 4] {
        let block = philox4x64_10([self.next.div_ceil(4), self.replicate, 0, 0], self.key);
        self.next = 4 * (self.next.div_ceil(4) + 1);
        block
    }

    /// Returns the next word.
    pub fn word(&mut self) -> u64 {
        let place = (self.next % 4) as usize;
        if place == 0 {
            self.block = philox4x64_10([self.next / 4, self.replicate, 0, 0], self.key);
        }
        self.next += 1;
        self.block[place]
    }

    /// Returns the next uniform number in [0, 1).
    pub fn uniform(&mut self) -> f64 {
        uniform(self.word())
    }

    /// Returns the next index in 0..n.
    pub fn index(&mut self, n: u64) -> u64 {
        index(self.word(), n)
    }

    /// Shuffles in place (Fisher–Yates from the end).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.index(last as u64 + 1) as usize);
        }
    }
}
