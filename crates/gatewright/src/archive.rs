//! Zip archives of other tools, unpacked into memory: nothing of them is ever a path, and nothing is written.

use std::io::{Cursor, Read};

use crate::error::Failure;

/// Most members of an archive.
const MEMBERS_MAX: usize = 500_000;
/// Most bytes of all members that are taken, unpacked.
const UNPACKED_BYTES_MAX: u64 = 2 << 30;
/// Largest member, unpacked.
const MEMBER_BYTES_MAX: u64 = 512 << 20;
/// Largest ratio of unpacked to packed bytes, for what is not small anyway.
const RATIO_MAX: u64 = 2000;
/// Up to here a ratio is nobody's harm.
const SMALL_BYTES: u64 = 16 << 20;
/// How zip names Zstandard.
const ZSTANDARD: u16 = 93;

/// Says whether bytes are those of a zip archive.
pub(crate) fn is_archive(bytes: &[u8]) -> bool {
    bytes.starts_with(b"PK\x03\x04") || bytes.starts_with(b"PK\x05\x06")
}

/// Unpacks the members that are wanted, in the archive's order.
///
/// # Errors
/// When the archive is broken, or larger than the limits.
pub(crate) fn members(
    file: &str,
    bytes: Vec<u8>,
    wanted: impl Fn(&str) -> bool,
) -> Result<Vec<(String, Vec<u8>)>, Failure> {
    let broken = |what: String| {
        Failure::usage(format!("the archive `{file}` cannot be unpacked"))
            .why(what)
            .next("let the tool write it again, or copy it again")
    };
    let packed = bytes.len() as u64;
    let mut archive =
        zip::ZipArchive::new(Cursor::new(bytes)).map_err(|error| broken(error.to_string()))?;
    if archive.len() > MEMBERS_MAX {
        return Err(broken(format!("it has more than {MEMBERS_MAX} members")));
    }
    let mut found = Vec::new();
    let mut total = 0_u64;
    for index in 0..archive.len() {
        let raw = archive.by_index_raw(index);
        let mut raw = raw.map_err(|error| broken(format!("member {index}: {error}")))?;
        let name = raw.name().map(std::borrow::Cow::into_owned);
        let name = name.map_err(|error| broken(format!("member {index}: {error}")))?;
        if raw.is_dir() || !wanted(&name) {
            continue;
        }
        if raw.encrypted() {
            return Err(broken(format!("`{name}` is encrypted")));
        }
        let (size, sum) = (raw.size(), raw.crc32());
        total = total.saturating_add(size);
        let bomb = size > SMALL_BYTES && size / RATIO_MAX > raw.compressed_size().max(1);
        if size > MEMBER_BYTES_MAX || total > UNPACKED_BYTES_MAX || bomb {
            return Err(broken(format!(
                "`{name}` would be {size} bytes, of an archive of {packed}"
            )));
        }
        #[expect(
            deprecated,
            reason = "the number is all that is wanted of an unknown method"
        )]
        let method = raw.compression().to_u16();
        let unpacked = if method == ZSTANDARD {
            let mut inner = Vec::new();
            let taken = raw.by_ref().take(packed).read_to_end(&mut inner);
            taken.map_err(|error| broken(format!("`{name}`: {error}")))?;
            zstandard(&inner, size)
        } else {
            drop(raw);
            let member = archive.by_index(index);
            let mut member = member.map_err(|error| broken(format!("`{name}`: {error}")))?;
            let mut unpacked = Vec::new();
            let taken = member.by_ref().take(size + 1).read_to_end(&mut unpacked);
            taken.map(|_| unpacked).map_err(|error| error.to_string())
        };
        let unpacked = unpacked.map_err(|why| broken(format!("`{name}`: {why}")))?;
        if unpacked.len() as u64 != size || crc32fast::hash(&unpacked) != sum {
            return Err(broken(format!("`{name}` is not what was packed")));
        }
        found.push((name, unpacked));
    }
    Ok(found)
}

/// Unpacks frames of Zstandard, one after the other, up to what the archive says there is.
fn zstandard(mut packed: &[u8], size: u64) -> Result<Vec<u8>, String> {
    let mut unpacked = Vec::new();
    while !packed.is_empty() {
        let room = (size + 1).saturating_sub(unpacked.len() as u64);
        if room == 0 {
            break;
        }
        let mut frame = ruzstd::decoding::StreamingDecoder::new(&mut packed)
            .map_err(|error| error.to_string())?;
        frame
            .by_ref()
            .take(room)
            .read_to_end(&mut unpacked)
            .map_err(|error| error.to_string())?;
    }
    Ok(unpacked)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One stored member by hand: the form is old, small and the same everywhere.
    fn archive(name: &str, method: u16, packed: &[u8], size: u32, sum: u32) -> Vec<u8> {
        let entry = |central: bool| {
            let mut made = Vec::new();
            made.extend(if central {
                b"PK\x01\x02\x14\x00"
            } else {
                b"PK\x03\x04".as_slice()
            });
            made.extend([20, 0, 0, 0]);
            made.extend(method.to_le_bytes());
            made.extend([0, 0, 0x21, 0]);
            made.extend(sum.to_le_bytes());
            made.extend((packed.len() as u32).to_le_bytes());
            made.extend(size.to_le_bytes());
            made.extend((name.len() as u16).to_le_bytes());
            made.extend([0, 0]);
            if central {
                made.extend([0; 14]);
            }
            made.extend(name.as_bytes());
            made
        };
        let mut bytes = entry(false);
        bytes.extend(packed);
        let start = bytes.len() as u32;
        let central = entry(true);
        bytes.extend(&central);
        bytes.extend(b"PK\x05\x06\x00\x00\x00\x00\x01\x00\x01\x00");
        bytes.extend((central.len() as u32).to_le_bytes());
        bytes.extend(start.to_le_bytes());
        bytes.extend([0, 0]);
        bytes
    }

    fn said(bytes: Vec<u8>) -> Result<Vec<(String, Vec<u8>)>, String> {
        members("x.eval", bytes, |name| name != "left-out")
            .map_err(|failure| failure.text(200).replace('\n', " "))
    }

    /// A frame of Zstandard with one raw block.
    fn frame(text: &[u8]) -> Vec<u8> {
        let mut made = vec![0x28, 0xb5, 0x2f, 0xfd, 0x20, text.len() as u8];
        let head = (text.len() as u32) << 3 | 1;
        made.extend(&head.to_le_bytes()[..3]);
        made.extend(text);
        made
    }

    #[test]
    fn a3_members_are_bytes_with_a_name_and_never_files() {
        let plain = archive("../../etc/x", 0, b"hello", 5, crc32fast::hash(b"hello"));
        assert_eq!(
            said(plain),
            Ok(vec![("../../etc/x".to_owned(), b"hello".to_vec())])
        );
        let two = [frame(b"hel"), frame(b"lo")].concat();
        let packed = archive("a", ZSTANDARD, &two, 5, crc32fast::hash(b"hello"));
        assert_eq!(said(packed), Ok(vec![("a".to_owned(), b"hello".to_vec())]));
        let other = archive("left-out", 0, b"hello", 5, 0);
        assert_eq!(said(other), Ok(Vec::new()));
    }

    #[test]
    fn a3_what_is_broken_or_too_large_is_refused() {
        let sum = crc32fast::hash(b"hello");
        for (bytes, why) in [
            (archive("a", 0, b"hellO", 5, sum), "a"),
            (
                archive("a", ZSTANDARD, &frame(b"hellO"), 5, sum),
                "is not what was packed",
            ),
            (
                archive("a", ZSTANDARD, &frame(b"hello there"), 5, sum),
                "is not what was packed",
            ),
            (archive("a", ZSTANDARD, b"nonsense", 5, sum), "`a`:"),
            (
                archive("a", ZSTANDARD, &frame(b"x"), u32::MAX - 1, sum),
                "would be 4294967294 bytes",
            ),
            (
                archive("a", ZSTANDARD, &frame(b"x"), 64 << 20, sum),
                "would be 67108864 bytes",
            ),
            (archive("a", 12, b"hello", 5, sum), "`a`:"),
            (
                b"PK\x03\x04 and then nothing".to_vec(),
                "cannot be unpacked",
            ),
        ] {
            let refused = said(bytes).expect_err(why);
            assert!(
                refused.contains(why) && refused.contains("try:"),
                "{why}: {refused}"
            );
        }
    }
}
