//! Makes an archive of a folder: links as links, without owners.

use std::fs::{self, File};
use std::io::{self, BufReader, Read, Write};
use std::path::{MAIN_SEPARATOR, Path};
use std::time::UNIX_EPOCH;

use tar::{Builder, EntryType, Header};

use super::PIECE;
use super::ignore::{Ignore, Look};
use crate::error::{Error, Result};

/// Writes a folder's content as an archive, but for what is ignored; then `more`, by their
/// names, which may stand in for files of the folder.
///
/// # Errors
/// [`Error::File`] for what can't be read, and for what is no file, folder or link.
pub fn pack(
    folder: Option<&Path>,
    ignore: &Ignore,
    more: &[(String, Vec<u8>)],
    writer: impl Write,
) -> Result<()> {
    let mut archive = Builder::new(writer);
    archive.follow_symlinks(false);
    let mut packing = Packing {
        archive,
        ignore,
        more,
    };
    if let Some(folder) = folder {
        packing.folder(folder, Path::new(""), &Look::default())?;
    }
    let mut archive = packing.archive;
    for (name, content) in more {
        let mut header = header(EntryType::Regular, 0o644, content.len() as u64, 0);
        let added = archive.append_data(&mut header, name, &content[..]);
        added.map_err(|error| Error::file(name, error))?;
    }
    let end = archive.into_inner().and_then(|mut writer| writer.flush());
    end.map_err(|error| Error::file("the archive", error))
}

/// Writes a file's content as it is.
///
/// # Errors
/// [`Error::File`] for what can't be read, and for what is no file.
pub fn copy(path: &Path, mut writer: impl Write) -> Result<()> {
    let failed = |error: io::Error| Error::file(path.display(), error);
    if !fs::metadata(path).map_err(failed)?.is_file() {
        return Err(Error::file(path.display(), "it's no file and no folder"));
    }
    let file = File::open(path).map_err(failed)?;
    io::copy(&mut BufReader::with_capacity(PIECE, file), &mut writer).map_err(failed)?;
    writer.flush().map_err(failed)
}

struct Packing<'a, W: Write> {
    archive: Builder<W>,
    ignore: &'a Ignore,
    more: &'a [(String, Vec<u8>)],
}

impl<W: Write> Packing<'_, W> {
    /// What is in a folder, which is called `name` in the archive, and was looked at.
    fn folder(&mut self, folder: &Path, name: &Path, look: &Look) -> Result<()> {
        let failed = |error: io::Error| Error::file(folder.display(), error);
        let mut entries: Vec<_> = fs::read_dir(folder)
            .map_err(failed)?
            .collect::<io::Result<_>>()
            .map_err(failed)?;
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            let (path, name) = (entry.path(), name.join(entry.file_name()));
            let text = name.to_string_lossy().replace(MAIN_SEPARATOR, "/");
            let look = self.ignore.look(&text, look);
            if !look.ignored && self.more.iter().all(|(other, _)| *other != text) {
                self.entry(&path, &name)?;
            }
            let enter = !look.ignored || self.ignore.brings_back_from(&text);
            if enter && entry.file_type().map_err(failed)?.is_dir() {
                self.folder(&path, &name, &look)?;
            }
        }
        Ok(())
    }

    fn entry(&mut self, path: &Path, name: &Path) -> Result<()> {
        let failed = |error: io::Error| Error::file(path.display(), error);
        let metadata = fs::symlink_metadata(path).map_err(failed)?;
        let header = |kind, size| header(kind, mode(&metadata), size, seconds(&metadata));
        let kind = metadata.file_type();
        let added = if kind.is_symlink() {
            let target = fs::read_link(path).map_err(failed)?;
            let mut header = header(EntryType::Symlink, 0);
            self.archive.append_link(&mut header, name, target)
        } else if kind.is_dir() {
            let mut header = header(EntryType::Directory, 0);
            // With a / at its end, as tar has it.
            let name = name.join("");
            self.archive.append_data(&mut header, name, io::empty())
        } else if kind.is_file() {
            let file = File::open(path).map_err(failed)?;
            let size = metadata.len();
            // One that grows or shrinks meanwhile must not shift what follows.
            let exactly = file.take(size).chain(io::repeat(0)).take(size);
            let mut header = header(EntryType::Regular, size);
            self.archive.append_data(&mut header, name, exactly)
        } else {
            return Err(Error::file(path.display(), "it's no file, folder or link"));
        };
        added.map_err(failed)
    }
}

/// Of root's, whoever's it is here.
fn header(kind: EntryType, mode: u32, size: u64, mtime: u64) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_size(size);
    header.set_mtime(mtime);
    header.set_uid(0);
    header.set_gid(0);
    header
}

/// When it was changed, since 1970.
fn seconds(metadata: &fs::Metadata) -> u64 {
    let since = metadata.modified().ok();
    let since = since.and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    since.unwrap_or_default().as_secs()
}

/// Its permissions, without set-user-id bits.
#[cfg(unix)]
pub fn mode(metadata: &fs::Metadata) -> u32 {
    use std::os::unix::fs::PermissionsExt;
    metadata.permissions().mode() & 0o777
}

#[cfg(not(unix))]
pub fn mode(metadata: &fs::Metadata) -> u32 {
    if metadata.is_dir() { 0o755 } else { 0o644 }
}
