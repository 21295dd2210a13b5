//! Bytes kept by their digest: what was sent to a provider and what came back.

use std::borrow::Cow;
use std::path::Path;

use gatewright_core::digest::Digest;
use rusqlite::{Connection, OptionalExtension};

use crate::error::StoreError;

/// Below this, packing saves nothing that a page of the file would not hold anyway.
const PACK_FROM_BYTES: usize = 256;
/// Largest bytes that are believed when they are unpacked: a damaged length must not take the memory.
const SIZE_MAX: usize = 1 << 30;

/// Packs bytes (LZ4), when that makes them smaller.
pub(crate) fn pack(bytes: &[u8]) -> (bool, Cow<'_, [u8]>) {
    if bytes.len() < PACK_FROM_BYTES {
        return (false, bytes.into());
    }
    let packed = lz4_flex::block::compress(bytes);
    if packed.len() < bytes.len() {
        (true, packed.into())
    } else {
        (false, bytes.into())
    }
}

/// Reads bytes by their digest, and checks them.
pub(crate) fn read(
    connection: &Connection,
    path: &Path,
    digest: &Digest,
) -> Result<Option<Vec<u8>>, StoreError> {
    let failed = |source| StoreError::Read {
        path: path.to_owned(),
        source,
    };
    let mut statement = connection
        .prepare_cached("SELECT packed, size, bytes FROM blob WHERE digest = ?1")
        .map_err(failed)?;
    let row = statement
        .query_row([&digest.bytes()[..]], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })
        .optional()
        .map_err(failed)?;
    row.map(|(packed, size, bytes)| unpack(path, digest, packed, size, bytes))
        .transpose()
}

/// Lists the digests of all bytes, sorted.
pub(crate) fn list(connection: &Connection, path: &Path) -> Result<Vec<Digest>, StoreError> {
    let failed = |source| StoreError::Read {
        path: path.to_owned(),
        source,
    };
    let mut statement = connection
        .prepare("SELECT digest FROM blob ORDER BY digest")
        .map_err(failed)?;
    let rows = statement
        .query_map([], |row| row.get::<_, Vec<u8>>(0))
        .map_err(failed)?;
    rows.map(|raw| raw.map(|raw| digest(&raw)).map_err(failed))
        .collect()
}

fn digest(raw: &[u8]) -> Digest {
    let hex: String = raw.iter().map(|byte| format!("{byte:02x}")).collect();
    Digest::parse(&hex).unwrap_or_default()
}

/// Checks all bytes against their digests.
pub(crate) fn check_all(connection: &Connection, path: &Path) -> Result<(), StoreError> {
    let failed = |source| StoreError::Read {
        path: path.to_owned(),
        source,
    };
    let mut statement = connection
        .prepare("SELECT digest, packed, size, bytes FROM blob")
        .map_err(failed)?;
    let mut rows = statement.query([]).map_err(failed)?;
    while let Some(row) = rows.next().map_err(failed)? {
        let raw: Vec<u8> = row.get(0).map_err(failed)?;
        let digest = digest(&raw);
        let (packed, size, bytes) = (
            row.get(1).map_err(failed)?,
            row.get(2).map_err(failed)?,
            row.get(3).map_err(failed)?,
        );
        unpack(path, &digest, packed, size, bytes)?;
    }
    Ok(())
}

fn unpack(
    path: &Path,
    digest: &Digest,
    packed: bool,
    size: i64,
    bytes: Vec<u8>,
) -> Result<Vec<u8>, StoreError> {
    let whole = if packed {
        usize::try_from(size)
            .ok()
            .filter(|size| *size <= SIZE_MAX)
            .and_then(|size| lz4_flex::block::decompress(&bytes, size).ok())
    } else {
        // The length stands beside bytes that were not packed too: another one is a change like any other.
        let is_whole = usize::try_from(size) == Ok(bytes.len());
        is_whole.then_some(bytes)
    };
    whole
        .filter(|bytes| Digest::of(bytes) == *digest)
        .ok_or_else(|| StoreError::ChangedBytes {
            path: path.to_owned(),
            digest: *digest,
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_back_as_they_were() {
        let path = Path::new("run.db");
        for bytes in [
            Vec::new(),
            b"short".to_vec(),
            b"again and ".repeat(100),
            (0..=255).collect::<Vec<u8>>(),
        ] {
            let (packed, stored) = pack(&bytes);
            assert!(stored.len() <= bytes.len());
            let digest = Digest::of(&bytes);
            let size = bytes.len() as i64;
            let read = unpack(path, &digest, packed, size, stored.to_vec()).expect("whole");
            assert_eq!(read, bytes);
        }
        assert!(pack(&b"again and ".repeat(100)).0);
    }

    /// F19: bytes that do not match their digest are never used.
    #[test]
    fn f19_changed_bytes_are_refused() {
        let path = Path::new("run.db");
        let bytes = b"again and ".repeat(100);
        let digest = Digest::of(&bytes);
        let (packed, stored) = pack(&bytes);
        let size = bytes.len() as i64;
        let mut broken = stored.to_vec();
        broken[3] ^= 1;
        for (size, bytes) in [
            (size, broken),
            (size - 1, stored.to_vec()),
            (i64::MAX, stored.to_vec()),
            (-1, stored.to_vec()),
        ] {
            assert!(unpack(path, &digest, packed, size, bytes).is_err());
        }
        // The length beside bytes that were not packed says nothing that is used: it is held against them all the same.
        let plain = b"short".to_vec();
        let digest = Digest::of(&plain);
        assert!(unpack(path, &digest, false, 5, plain.clone()).is_ok());
        assert!(unpack(path, &digest, false, 6, plain).is_err());
    }
}
