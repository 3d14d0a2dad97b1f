//! Makes an archive of a folder: links as links, without owners.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::Path;
use std::time::UNIX_EPOCH;

use tar::{Builder, EntryType, Header};

use crate::error::{Error, Result};

/// Writes a folder's content as an archive: links as links, without owners.
///
/// # Errors
/// [`Error::File`] for what can't be read, and for what is no file, folder or link.
pub fn pack(folder: &Path, writer: impl Write) -> Result<()> {
    let mut archive = Builder::new(writer);
    archive.follow_symlinks(false);
    pack_folder(&mut archive, folder, Path::new("."))?;
    let end = archive.into_inner().and_then(|mut writer| writer.flush());
    end.map_err(|error| Error::file(folder.display(), error))
}

fn pack_folder(archive: &mut Builder<impl Write>, folder: &Path, name: &Path) -> Result<()> {
    let failed = |error: io::Error| Error::file(folder.display(), error);
    let mut entries: Vec<_> = fs::read_dir(folder)
        .map_err(failed)?
        .collect::<io::Result<_>>()
        .map_err(failed)?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let (path, name) = (entry.path(), name.join(entry.file_name()));
        pack_entry(archive, &path, &name)?;
        if entry.file_type().map_err(failed)?.is_dir() {
            pack_folder(archive, &path, &name)?;
        }
    }
    Ok(())
}

fn pack_entry(archive: &mut Builder<impl Write>, path: &Path, name: &Path) -> Result<()> {
    let failed = |error: io::Error| Error::file(path.display(), error);
    let metadata = fs::symlink_metadata(path).map_err(failed)?;
    let mut header = Header::new_gnu();
    header.set_mode(mode(&metadata));
    header.set_mtime(seconds(&metadata));
    header.set_uid(0);
    header.set_gid(0);
    let kind = metadata.file_type();
    if kind.is_symlink() {
        let target = fs::read_link(path).map_err(failed)?;
        header.set_entry_type(EntryType::Symlink);
        header.set_size(0);
        archive
            .append_link(&mut header, name, target)
            .map_err(failed)
    } else if kind.is_dir() {
        header.set_entry_type(EntryType::Directory);
        header.set_size(0);
        archive
            .append_data(&mut header, name, io::empty())
            .map_err(failed)
    } else if kind.is_file() {
        let file = File::open(path).map_err(failed)?;
        header.set_entry_type(EntryType::Regular);
        header.set_size(metadata.len());
        // One that grows or shrinks meanwhile must not shift what follows.
        let exactly = file
            .take(metadata.len())
            .chain(io::repeat(0))
            .take(metadata.len());
        archive
            .append_data(&mut header, name, exactly)
            .map_err(failed)
    } else {
        Err(Error::file(path.display(), "it's no file, folder or link"))
    }
}

/// When it was changed, since 1970.
fn seconds(metadata: &fs::Metadata) -> u64 {
    let since = metadata.modified().ok();
    let since = since.and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    since.unwrap_or_default().as_secs()
}

#[cfg(unix)]
fn mode(metadata: &fs::Metadata) -> u32 {
    use std::os::unix::fs::PermissionsExt;
    metadata.permissions().mode() & 0o777
}

#[cfg(not(unix))]
fn mode(metadata: &fs::Metadata) -> u32 {
    if metadata.is_dir() { 0o755 } else { 0o644 }
}
