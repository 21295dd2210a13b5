//! The files that examples came from, so that whole examples can be read again.

use std::fs::File;
use std::io;
use std::path::PathBuf;

use gatewright_core::reference::Rows;

/// Files that stay open. Open, they are what was loaded even when somebody puts others in their place.
const OPEN_MAX: usize = 64;

/// Files by number, in the order in which they were loaded.
#[derive(Debug, Default)]
pub(super) struct Files(Vec<Kept>);

#[derive(Debug)]
enum Kept {
    Open(File),
    /// Opened again for each example: a set may be of more files than a process may hold open.
    Named(PathBuf),
}

impl Files {
    /// Adds the next file.
    pub(super) fn keep(&mut self, file: File, path: PathBuf) {
        self.0.push(match self.0.len() < OPEN_MAX {
            true => Kept::Open(file),
            false => Kept::Named(path),
        });
    }
}

impl Rows for Files {
    fn read(&self, file: u32, offset: u64, into: &mut [u8]) -> io::Result<()> {
        match self.0.get(file as usize) {
            Some(Kept::Open(file)) => read_at(file, offset, into),
            Some(Kept::Named(path)) => read_at(&File::open(path)?, offset, into),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }
}

#[cfg(unix)]
fn read_at(file: &File, offset: u64, into: &mut [u8]) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, into, offset)
}

#[cfg(not(unix))]
fn read_at(file: &File, mut offset: u64, mut into: &mut [u8]) -> io::Result<()> {
    use std::os::windows::fs::FileExt as _;
    while !into.is_empty() {
        match file.seek_read(into, offset)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            read => {
                into = &mut into[read..];
                offset += read as u64;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    /// More files than are kept open, one of them replaced by another and one cut short.
    #[test]
    fn bytes_come_from_the_file_that_was_loaded() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut files = Files::default();
        for number in 0..OPEN_MAX + 3 {
            let path = folder.path().join(format!("{number}.jsonl"));
            std::fs::write(&path, format!("file {number:04}")).expect("written");
            files.keep(File::open(&path).expect("opened"), path);
        }
        let read = |file: usize| {
            let mut bytes = [0; 4];
            let done = files.read(file as u32, 5, &mut bytes);
            done.map(|()| String::from_utf8_lossy(&bytes).into_owned())
        };
        for number in 0..OPEN_MAX + 3 {
            assert_eq!(read(number).expect("there"), format!("{number:04}"));
        }
        // Put in its place under its name: the open one is still what was loaded.
        let other = folder.path().join("other");
        std::fs::write(&other, "file xxxx").expect("written");
        std::fs::rename(&other, folder.path().join("1.jsonl")).expect("renamed");
        assert_eq!(read(1).expect("there"), "0001");
        let path = folder.path().join("2.jsonl");
        let mut cut = File::create(&path).expect("cut");
        cut.write_all(b"file 0").expect("written");
        let error = read(2).expect_err("too short");
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
        assert!(read(OPEN_MAX + 3).is_err());
    }
}
