//! Gzip by hand: stored blocks for any bytes, and a small body that becomes a large one.

const POLYNOMIAL: u32 = 0xedb8_8320;
/// Ten bytes: deflate, no name, no time.
const HEAD: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];

/// Packs bytes without making them fewer.
pub(super) fn stored(bytes: &[u8]) -> Vec<u8> {
    let mut out = HEAD.to_vec();
    let mut blocks = bytes.chunks(0xffff).peekable();
    if blocks.peek().is_none() {
        out.extend([1, 0, 0, 0xff, 0xff]);
    }
    while let Some(block) = blocks.next() {
        let length = block.len() as u16;
        out.push(u8::from(blocks.peek().is_none()));
        out.extend(length.to_le_bytes());
        out.extend((!length).to_le_bytes());
        out.extend(block);
    }
    out.extend(crc(bytes).to_le_bytes());
    out.extend((bytes.len() as u32).to_le_bytes());
    out
}

/// A body that becomes many spaces: its start, a pattern with how often it comes, and its end.
pub(super) struct Bomb {
    pub(super) start: Vec<u8>,
    pub(super) pattern: Vec<u8>,
    pub(super) times: u64,
    pub(super) end: Vec<u8>,
    /// What it becomes: at least what was asked for.
    pub(super) unpacked: u64,
}

/// Makes a body of at least this many spaces: one literal, then copies of 258 bytes from one byte back.
///
/// Eight copies are 104 bits, so that the pattern repeats by whole bytes.
pub(super) fn bomb(bytes: u64) -> Bomb {
    let times = bytes.div_ceil(8 * 258).max(1);
    let unpacked = 3 + times * 8 * 258;
    let mut bits = Bits::default();
    // A final block of fixed codes (3 bits); three literals of 8 bits make 27, five short of a whole byte.
    bits.push(0b1, 1);
    bits.push(0b01, 2);
    for _ in 0..3 {
        bits.code(0x30 + u32::from(b' '), 8);
    }
    // Now 27 bits: the pattern starts at the same place in a byte each time, so its bytes are taken after one copy
    // of itself, and what came before is the start.
    let before = bits.clone();
    copies(&mut bits);
    let whole = before.bits / 8;
    let mut pattern = bits.clone();
    copies(&mut pattern);
    let start = bits.bytes[..whole + 13].to_vec();
    let pattern = pattern.bytes[whole + 13..whole + 26].to_vec();
    // The end continues from the place in the byte where the copies stop.
    let mut end = Bits {
        bytes: bits.bytes[whole + 13..].to_vec(),
        bits: bits.bits - (whole + 13) * 8,
    };
    end.code(0, 7);
    let mut end = end.bytes;
    end.extend(crc_of_spaces(unpacked).to_le_bytes());
    end.extend((unpacked as u32).to_le_bytes());
    let mut head = HEAD.to_vec();
    head.extend(start);
    Bomb {
        start: head,
        pattern,
        times: times - 1,
        end,
        unpacked,
    }
}

/// Bits as deflate packs them: from the low end of each byte.
#[derive(Clone, Default)]
struct Bits {
    bytes: Vec<u8>,
    bits: usize,
}

impl Bits {
    fn push(&mut self, value: u32, count: usize) {
        for bit in 0..count {
            if self.bits.is_multiple_of(8) {
                self.bytes.push(0);
            }
            if value >> bit & 1 == 1
                && let Some(last) = self.bytes.last_mut()
            {
                *last |= 1 << (self.bits % 8);
            }
            self.bits += 1;
        }
    }

    /// A Huffman code, whose high bit comes first.
    fn code(&mut self, code: u32, count: usize) {
        self.push(code.reverse_bits() >> (32 - count), count);
    }
}

/// Eight times "258 bytes from one back": length code 285, distance code 0.
fn copies(bits: &mut Bits) {
    for _ in 0..8 {
        bits.code(0b1100_0101, 8);
        bits.code(0, 5);
    }
}

fn crc(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ (POLYNOMIAL * (crc & 1));
        }
    }
    !crc
}

/// The checksum of so many spaces, by doubling: crc(ab) = crc(a) · x^(8·|b|) + crc(b), as in zlib's crc32_combine.
fn crc_of_spaces(count: u64) -> u32 {
    let (mut sum, mut block, mut shift) = (0, crc(b" "), 1 << 23);
    let mut left = count;
    while left > 0 {
        if left & 1 == 1 {
            sum = times(shift, sum) ^ block;
        }
        block ^= times(shift, block);
        shift = times(shift, shift);
        left >>= 1;
    }
    sum
}

/// Multiplies two polynomials modulo the checksum's; the high bit is x^0.
fn times(a: u32, mut b: u32) -> u32 {
    let mut product = 0;
    for bit in (0..32).rev() {
        if a >> bit & 1 == 1 {
            product ^= b;
        }
        b = (b >> 1) ^ (POLYNOMIAL * (b & 1));
    }
    product
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_the_published_one() {
        assert_eq!(crc(b"123456789"), 0xcbf4_3926);
        for count in [0, 1, 2, 3, 1000, 4096] {
            assert_eq!(
                crc_of_spaces(count),
                crc(&vec![b' '; count as usize]),
                "{count}"
            );
        }
    }
}
