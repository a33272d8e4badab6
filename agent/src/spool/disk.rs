//! The seam to the disk, so that tests can make it full.

use std::fs::File;
use std::io::Write;
use std::path::Path;

/// Opens the files that the spool writes.
pub(crate) trait Disk: Send + std::fmt::Debug {
    /// A new file, in place of what was there.
    ///
    /// # Errors
    /// What the system says.
    fn create(&self, path: &Path) -> std::io::Result<Box<dyn DiskFile>>;
}

/// A file that the spool writes.
pub(crate) trait DiskFile: Send + std::fmt::Debug {
    /// Appends all of `bytes`.
    ///
    /// # Errors
    /// What the system says; part of the bytes may have been written.
    fn append(&mut self, bytes: &[u8]) -> std::io::Result<()>;

    /// Cuts the file to `length` bytes and goes on from there.
    ///
    /// # Errors
    /// What the system says.
    fn cut(&mut self, length: u64) -> std::io::Result<()>;

    /// Returns when all is on the disk itself.
    ///
    /// # Errors
    /// What the system says.
    fn sync(&mut self) -> std::io::Result<()>;
}

/// The machine's own disk.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SystemDisk;

impl Disk for SystemDisk {
    fn create(&self, path: &Path) -> std::io::Result<Box<dyn DiskFile>> {
        Ok(Box::new(File::create(path)?))
    }
}

impl DiskFile for File {
    fn append(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.write_all(bytes)
    }

    fn cut(&mut self, length: u64) -> std::io::Result<()> {
        use std::io::{Seek as _, SeekFrom};
        self.set_len(length)?;
        self.seek(SeekFrom::Start(length)).map(|_| ())
    }

    fn sync(&mut self) -> std::io::Result<()> {
        self.sync_data()
    }
}

/// Makes the names in `folder` durable: a new file is only safe once its folder is.
///
/// # Errors
/// What the system says.
pub(crate) fn sync_folder(folder: &Path) -> std::io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Puts `bytes` into the file at `path` as a whole or not at all, and durably.
///
/// # Errors
/// What the system says; the old file is then still there.
pub(crate) fn replace_durably(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let unfinished = path.with_extension("tmp");
    let written = File::create(&unfinished)
        .and_then(|mut file| {
            file.write_all(bytes)?;
            file.sync_data()
        })
        .and_then(|()| std::fs::rename(&unfinished, path));
    if let Err(error) = written {
        // On a full disk, what was half written would take the room that is missing.
        let _ = std::fs::remove_file(&unfinished);
        return Err(error);
    }
    path.parent().map_or(Ok(()), sync_folder)
}
