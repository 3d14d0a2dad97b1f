//! Unpacks an archive from somewhere untrusted: it can write nothing outside its folder,
//! whatever is in it.
//!
//! - Names are relative, without `..`; what lies in a link is refused.
//! - Links are made last, so that nothing is written through one. They are relative, and lead
//!   up only at their beginning, not above the folder: so none, and no chain of them, leaves it.
//! - Devices, pipes and hard links to what isn't a file of the archive are refused.
//! - Set-user-id bits and owners don't come along. Bytes, entries and depth are bounded.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fs::{self, OpenOptions};
use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use tar::{Archive, Entry, EntryType, PaxExtensions};
use uuid::Uuid;

use super::Bounds;
use crate::error::{Error, Result};

/// A folder of ours where something is unpacked before it's known to be good; goes when it's
/// dropped.
pub struct Partial(PathBuf);

impl Partial {
    /// Makes it where `local` is to be.
    pub fn beside(local: &Path) -> Result<Self> {
        let parent = match local.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        let path = parent.join(format!(".docker-exec-{}", Uuid::new_v4()));
        fs::create_dir(&path).map_err(|error| Error::file(parent.display(), error))?;
        Ok(Self(path))
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Gives what was unpacked its place: one file replaces one of that name, a folder a
    /// missing or an empty one.
    pub fn keep(self, content: &Path, local: &Path) -> Result<()> {
        fs::rename(content, local).map_err(|error| Error::file(local.display(), error))
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Where a folder is unpacked, in a [`Partial`].
const CONTENT: &str = "content";

/// The longest name or extension that an archive may have, in bytes.
const LONGEST: u64 = 64 * 1024;

/// What may follow an archive's end, in bytes: it's filled up to a block.
const PADDING: u64 = 1024 * 1024;

/// Unpacks an archive in `folder`, which is empty. Gives where its content is: a folder where
/// the archive is of one (`.`), else the one file that it has.
///
/// # Errors
/// [`Error::Unsafe`], as the module says; [`Error::File`] for what can't be written.
pub fn unpack(reader: impl Read, folder: &Path, bounds: Bounds) -> Result<PathBuf> {
    let mut unpacking = Unpacking {
        root: folder.join(CONTENT),
        bounds,
        files: HashSet::new(),
        links: Vec::new(),
        linked: HashSet::new(),
        of_folder: false,
    };
    let mut archive = Archive::new(reader);
    let (mut name, mut link) = (None, None);
    for entry in archive.entries().map_err(broken)?.raw(true) {
        let mut entry = entry.map_err(broken)?;
        match entry.header().entry_type() {
            EntryType::GNULongName => name = Some(long(&mut entry)?),
            EntryType::GNULongLink => link = Some(long(&mut entry)?),
            EntryType::XHeader => extend(&long(&mut entry)?, &mut name, &mut link)?,
            EntryType::XGlobalHeader => drop(long(&mut entry)?),
            _ => {
                let named = name
                    .take()
                    .unwrap_or_else(|| entry.path_bytes().into_owned());
                let target = link.take();
                let target = target.or_else(|| entry.link_name_bytes().map(Cow::into_owned));
                unpacking.take(&path(named), target.map(path), &mut entry)?;
            }
        }
    }
    let mut padding = archive.into_inner().take(PADDING + 1);
    if io::copy(&mut padding, &mut io::sink()).map_err(broken)? > PADDING {
        return Err(unsafe_("the archive", "it goes on behind its end"));
    }
    unpacking.finish()
}

fn broken(error: io::Error) -> Error {
    Error::file("the archive", error)
}

/// The content of an entry that is about the next one.
fn long(entry: &mut Entry<'_, impl Read>) -> Result<Vec<u8>> {
    if entry.size() > LONGEST {
        return Err(unsafe_("the archive", "it has too long a name"));
    }
    let mut text = Vec::new();
    entry.read_to_end(&mut text).map_err(broken)?;
    if text.last() == Some(&0) {
        text.pop();
    }
    Ok(text)
}

/// What a POSIX extension says about the next entry.
fn extend(text: &[u8], name: &mut Option<Vec<u8>>, link: &mut Option<Vec<u8>>) -> Result<()> {
    for extension in PaxExtensions::new(text) {
        let extension = extension.map_err(broken)?;
        let value = extension.value_bytes().to_owned();
        match extension.key() {
            Ok("path") => *name = Some(value),
            Ok("linkpath") => *link = Some(value),
            Ok("size") => return Err(unsafe_("the archive", "it has a file of over 8 GiB")),
            _ => {}
        }
    }
    Ok(())
}

#[cfg(unix)]
fn path(bytes: Vec<u8>) -> PathBuf {
    use std::os::unix::ffi::OsStringExt;
    std::ffi::OsString::from_vec(bytes).into()
}

#[cfg(not(unix))]
fn path(bytes: Vec<u8>) -> PathBuf {
    String::from_utf8_lossy(&bytes).into_owned().into()
}

struct Unpacking {
    root: PathBuf,
    bounds: Bounds,
    /// Those that were written, by their names.
    files: HashSet<PathBuf>,
    /// Those to be made at the end, with their targets.
    links: Vec<(PathBuf, PathBuf)>,
    linked: HashSet<PathBuf>,
    /// There was an entry of the folder itself.
    of_folder: bool,
}

impl Unpacking {
    fn take(
        &mut self,
        named: &Path,
        target: Option<PathBuf>,
        entry: &mut Entry<'_, impl Read>,
    ) -> Result<()> {
        let shown = named.display().to_string();
        let refuse = |reason| Err(unsafe_(&shown, reason));
        let Some(name) = inside(named) else {
            return refuse("its name leads out of the folder");
        };
        self.count(&shown, &name, entry.size())?;
        match (entry.header().entry_type(), target) {
            (EntryType::Directory, _) => self.folder(&shown, &name),
            (EntryType::Regular | EntryType::Continuous, _) => self.file(&shown, &name, entry),
            (EntryType::Symlink, Some(target)) if stays(&name, &target) => {
                self.vacant(&shown, &name)?;
                self.linked.insert(name.clone());
                self.links.push((name, target));
                Ok(())
            }
            (EntryType::Symlink, _) => refuse("it's a link that leads out of the folder"),
            (EntryType::Link, Some(target)) => match inside(&target) {
                Some(file) if self.files.contains(&file) => self.hard_link(&shown, name, &file),
                _ => refuse("it's a link to no file of the archive"),
            },
            _ => refuse("it's no file, folder or link"),
        }
    }

    fn hard_link(&mut self, shown: &str, name: PathBuf, file: &Path) -> Result<()> {
        self.vacant(shown, &name)?;
        fs::hard_link(self.root.join(file), self.root.join(&name))
            .map_err(|error| Error::file(shown, error))?;
        self.files.insert(name);
        Ok(())
    }

    fn count(&mut self, shown: &str, name: &Path, size: u64) -> Result<()> {
        let over = |what: String| Err(unsafe_(shown, &format!("there is more than {what}")));
        match self.bounds.bytes.checked_sub(size) {
            Some(left) => self.bounds.bytes = left,
            None => return over("maxBytes allows".into()),
        }
        match self.bounds.entries.checked_sub(1) {
            Some(left) => self.bounds.entries = left,
            None => return over("maxEntries allows".into()),
        }
        if name.components().count() > self.bounds.depth {
            return over("maxDepth folders in one another".into());
        }
        Ok(())
    }

    fn folder(&mut self, shown: &str, name: &Path) -> Result<()> {
        self.of_folder |= name.as_os_str().is_empty();
        self.parents(shown, name)?;
        match fs::create_dir(self.root.join(name)) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                self.real_folder(shown, &self.root.join(name))
            }
            made => made.map_err(|error| Error::file(shown, error)),
        }
    }

    fn file(&mut self, shown: &str, name: &Path, entry: &mut Entry<'_, impl Read>) -> Result<()> {
        self.vacant(shown, name)?;
        let failed = |error: io::Error| Error::file(shown, error);
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        executable(&mut options, entry.header().mode().unwrap_or(0));
        let mut file = options.open(self.root.join(name)).map_err(failed)?;
        if io::copy(entry, &mut file).map_err(failed)? != entry.size() {
            return Err(failed(io::ErrorKind::UnexpectedEof.into()));
        }
        let changed = entry.header().mtime().map(Duration::from_secs).ok();
        let changed = changed.and_then(|since| UNIX_EPOCH.checked_add(since));
        if let Some(time) = changed {
            file.set_modified(time).map_err(failed)?;
        }
        self.files.insert(name.to_owned());
        Ok(())
    }

    /// There is nothing of that name yet, and its folder is one.
    fn vacant(&self, shown: &str, name: &Path) -> Result<()> {
        self.parents(shown, name)?;
        let there = fs::symlink_metadata(self.root.join(name)).is_ok();
        if there || self.linked.contains(name) {
            return Err(unsafe_(shown, "it's there twice"));
        }
        Ok(())
    }

    /// Makes the folders that it lies in, none of which is a link.
    fn parents(&self, shown: &str, name: &Path) -> Result<()> {
        if name
            .ancestors()
            .skip(1)
            .any(|folder| self.linked.contains(folder))
        {
            return Err(unsafe_(shown, "it lies in a link"));
        }
        let parent = match name.parent() {
            Some(parent) => self.root.join(parent),
            None => return Ok(()),
        };
        fs::create_dir_all(&parent).map_err(|_| unsafe_(shown, "it lies in a file"))?;
        self.real_folder(shown, &parent)
    }

    fn real_folder(&self, shown: &str, path: &Path) -> Result<()> {
        match fs::symlink_metadata(path) {
            Ok(metadata) if metadata.is_dir() => Ok(()),
            _ => Err(unsafe_(shown, "it's there twice")),
        }
    }

    /// Makes the links, now that nothing is written any more. Says where the content is.
    fn finish(self) -> Result<PathBuf> {
        for (name, target) in &self.links {
            let shown = name.display().to_string();
            self.parents(&shown, name)?;
            symlink(target, &self.root.join(name)).map_err(|error| Error::file(&shown, error))?;
        }
        if self.of_folder {
            return Ok(self.root);
        }
        let mut files = self.files.iter();
        match (files.next(), files.next(), self.links.is_empty()) {
            (Some(file), None, true) => Ok(self.root.join(file)),
            (None, None, true) => Err(Error::file("the archive", "it's empty")),
            _ => Err(unsafe_(
                "the archive",
                "it isn't the one file that was asked for",
            )),
        }
    }
}

/// A name without `.`, unless it's absolute or has `..`.
fn inside(name: &Path) -> Option<PathBuf> {
    let mut inside = PathBuf::new();
    for component in name.components() {
        match component {
            Component::Normal(part) => inside.push(part),
            Component::CurDir => {}
            _ => return None,
        }
    }
    Some(inside)
}

/// A link of that name leads up only at its beginning, and not above the folder.
fn stays(name: &Path, target: &Path) -> bool {
    let mut up = 0;
    let mut down = false;
    for component in target.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir if !down => up += 1,
            Component::Normal(_) => down = true,
            _ => return false,
        }
    }
    // Its own name is one of them, and the folder itself can't be a link.
    up < name.components().count()
}

#[cfg(unix)]
fn executable(options: &mut OpenOptions, mode: u32) {
    use std::os::unix::fs::OpenOptionsExt;
    options.mode(if mode & 0o111 == 0 { 0o666 } else { 0o777 });
}

#[cfg(not(unix))]
fn executable(_: &mut OpenOptions, _: u32) {}

#[cfg(unix)]
fn symlink(target: &Path, path: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(target, path)
}

#[cfg(not(unix))]
fn symlink(_: &Path, _: &Path) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

fn unsafe_(entry: &str, reason: &str) -> Error {
    Error::Unsafe {
        entry: entry.into(),
        reason: reason.into(),
    }
}
