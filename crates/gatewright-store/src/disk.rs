//! Folders and files that only their owner can read, and what kind of disk they are on.

use std::fs::{DirBuilder, File, OpenOptions};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use crate::error::StoreError;

const PRIVATE_FOLDER: u32 = 0o700;
const PRIVATE_FILE: u32 = 0o600;

/// Makes a folder, and the folders above it, for the owner alone. Those that are there keep their modes.
pub(crate) fn private_folder(path: &Path) -> Result<(), StoreError> {
    DirBuilder::new()
        .recursive(true)
        .mode(PRIVATE_FOLDER)
        .create(path)
        .map_err(file_error("create", path))
}

/// Opens a file for reading and writing, making it for the owner alone when it is not there. Symbolic links are refused.
pub(crate) fn private_file(path: &Path) -> Result<File, StoreError> {
    refuse_link(path)?;
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(PRIVATE_FILE)
        .open(path)
        .map_err(file_error("open", path))
}

/// Refuses a symbolic link: the next write would land wherever it points.
pub(crate) fn refuse_link(path: &Path) -> Result<(), StoreError> {
    match path.symlink_metadata() {
        Ok(metadata) if metadata.is_symlink() => Err(StoreError::Link {
            path: path.to_owned(),
        }),
        _ => Ok(()),
    }
}

/// Flushes a folder, so that a file that was made in it is still there after a power cut.
pub(crate) fn flush_folder(path: &Path) -> Result<(), StoreError> {
    File::open(path)
        .and_then(|folder| folder.sync_all())
        .map_err(file_error("flush", path))
}

/// Says whether a folder is on a network file system, where shared memory and locks between hosts cannot be trusted.
pub(crate) fn is_network(path: &Path) -> bool {
    // NFS, SMB, CIFS, SMB2, Ceph, Lustre, 9P, AFS: magic numbers of statfs(2).
    const NETWORK: [u64; 8] = [
        0x6969,
        0x517b,
        0xff53_4d42,
        0xfe53_4d42,
        0x00c3_6400,
        0x0bd0_0bd0,
        0x0102_1997,
        0x5346_414f,
    ];
    rustix::fs::statfs(path).is_ok_and(|stat| NETWORK.contains(&(stat.f_type as u64)))
}

/// Adds the operation and the path to an input or output error.
pub(crate) fn file_error(
    what: &'static str,
    path: &Path,
) -> impl FnOnce(std::io::Error) -> StoreError {
    let path = path.to_owned();
    move |source| StoreError::File { what, path, source }
}
