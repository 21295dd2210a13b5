//! Room on the disk that a run keeps free for what it has asked for: an answer that was paid for must find a place when the disk is full (F3).

use std::fs::{File, OpenOptions};
use std::io::{Error, ErrorKind};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::{FallocateFlags, fallocate, statvfs};
use rustix::process::{Resource, getrlimit};

use crate::disk::file_error;
use crate::error::StoreError;

/// Bytes of the disk that nobody else gets while this lives. They are given back when it is dropped, also by the death of the process: the file
/// has no name any more.
#[derive(Debug)]
pub(crate) struct Room {
    file: Option<File>,
}

impl Room {
    /// Name of the file for as long as it has one.
    const FILE: &'static str = "run.room";

    /// Takes room in a folder.
    ///
    /// # Errors
    /// [`StoreError::NoRoom`] when there is less; otherwise what could not be done.
    pub(crate) fn take(folder: &Path, bytes: u64) -> Result<Self, StoreError> {
        let none = |free| StoreError::NoRoom {
            path: folder.to_owned(),
            free,
            bytes,
        };
        let stat = statvfs(folder)
            .map_err(Error::from)
            .map_err(file_error("look at the disk of", folder))?;
        // Asked before it is taken: taking what is not there fills the disk of everybody else first.
        let free = stat.f_bavail.saturating_mul(stat.f_frsize);
        if free < bytes {
            return Err(none(free));
        }
        // A process that may not write files as large keeps no room: asking would kill it.
        if getrlimit(Resource::Fsize)
            .current
            .is_some_and(|most| most < bytes)
        {
            return Ok(Self { file: None });
        }
        let path = folder.join(Self::FILE);
        // What a crash left between the next two steps.
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(file_error("remove", &path)(error));
            }
            _ => {}
        }
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)
            .map_err(file_error("create", &path))?;
        std::fs::remove_file(&path).map_err(file_error("remove", &path))?;
        match fallocate(&file, FallocateFlags::empty(), 0, bytes) {
            Ok(()) => Ok(Self { file: Some(file) }),
            Err(rustix::io::Errno::NOSPC | rustix::io::Errno::DQUOT) => Err(none(free)),
            // A file system that cannot set room aside: the run is as safe as it is without.
            Err(_) => Ok(Self { file: None }),
        }
    }

    /// Says whether there is anything to give up.
    pub(crate) fn is_kept(&self) -> bool {
        self.file.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f3_room_is_taken_without_a_name_and_more_than_there_is_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let room = Room::take(folder.path(), 1 << 20).expect("a mebibyte");
        assert_eq!(
            std::fs::read_dir(folder.path()).expect("read").count(),
            0,
            "nothing is left behind, whatever happens"
        );
        if let Some(file) = &room.file {
            use std::os::unix::fs::MetadataExt;
            let found = file.metadata().expect("metadata");
            assert!(found.blocks() * 512 >= 1 << 20, "it is really taken");
        }
        let refused = Room::take(folder.path(), 1 << 60).expect_err("too much");
        assert!(
            matches!(refused, StoreError::NoRoom { free, .. } if free < 1 << 60),
            "{refused}"
        );
    }
}
