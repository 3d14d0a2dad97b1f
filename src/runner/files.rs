//! Trees of files into the container and out of it, as tar, through a process in it: so they
//! are its user's files, and in whatever it sees, tmpfs too. What comes out of it is trusted in
//! nothing.

use std::path::PathBuf;
use std::pin::pin;

use bytes::Bytes;
use futures_util::StreamExt;
use tokio::io::AsyncWriteExt;
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;

use super::Runner;
use super::process::{Process, SpawnOptions, Started};
use crate::error::{Error, Result};
use crate::session::Fd;
use crate::tree::{self, Bounds, Ignore, Pipe};

/// Pieces of an archive that may wait on the way.
const PIECES: usize = 16;

/// What is kept of what a program says about its failure, in bytes.
const WORDS: usize = 4096;

/// Takes a file in, as `$1`, with the mode `$2`; makes the folders it lies in.
const WRITE: &str = r#"
case $1 in */*) mkdir -p -- "${1%/*}/" || exit ;; esac
cat >"$1" && exec chmod "$2" -- "$1"
"#;

/// Takes an archive in, into the folder `$1`, which is made.
const UNPACK: &str = r#"mkdir -p -- "$1" && exec tar -x -o -f - -C "$1""#;

/// Gives the folder `$1`, or the file, as an archive.
const PACK: &str = r#"
if [ -d "$1" ]; then exec tar -c -f - -C "$1" .; fi
case $1 in */*) cd -- "${1%/*}/" || exit ;; esac
exec tar -c -h -f - "./${1##*/}"
"#;

impl Runner {
    /// Puts a file into the container, as `remote`; or a folder's content into its folder
    /// `remote`. What is missing above it is made.
    ///
    /// # Errors
    /// [`Error::File`] for what can't be read here, or not be written there.
    pub async fn upload(&self, local: PathBuf, remote: &str) -> Result<()> {
        let path = local.clone();
        let metadata = spawn_blocking(move || std::fs::metadata(path)).await;
        let metadata = metadata.map_err(panicked)?;
        let metadata = metadata.map_err(|error| Error::file(local.display(), error))?;
        let mode = format!("{:o}", tree::mode(&metadata));
        let command = match metadata.is_dir() {
            true => shell(UNPACK, [remote, ""]),
            false => shell(WRITE, [remote, &mode]),
        };
        let Started {
            process,
            mut output,
            mut input,
            ..
        } = self.begin(command).await?;
        let (sender, mut pieces) = mpsc::channel::<Bytes>(PIECES);
        let packing = spawn_blocking(move || {
            let mut writer = Pipe::writer(sender);
            match metadata.is_dir() {
                true => tree::pack(Some(&local), &Ignore::default(), &[], writer),
                false => tree::copy(&local, &mut writer),
            }
        });
        let writing = async move {
            while let Some(bytes) = pieces.recv().await {
                if input.write_all(&bytes).await.is_err() {
                    // It has ended early: its exit code and its words say why.
                    return Ok(());
                }
            }
            packing.await.map_err(panicked)??;
            let _ = input.shutdown().await;
            Ok(())
        };
        let mut words = Vec::new();
        let said = &mut words;
        let reading = async move {
            while let Some(chunk) = output.next().await {
                keep(said, &chunk?.1);
            }
            Ok(())
        };
        let done: Result<()> = async {
            let (mut writing, mut reading) = (pin!(writing), pin!(reading));
            tokio::select! {
                // It's over: nobody takes the rest, and an engine may not say so.
                read = &mut reading => read,
                written = &mut writing => match written {
                    Ok(()) => reading.await,
                    Err(error) => Err(error),
                },
            }
        }
        .await;
        if let Err(error) = done {
            process.signal("KILL").await?;
            return Err(error);
        }
        finished(&process, remote, &words).await
    }

    /// Brings the container's folder or file `remote` out, as `local`: a new folder, or a file,
    /// which it replaces. When it fails, nothing is there that wasn't before.
    ///
    /// # Errors
    /// [`Error::Unsafe`] for what would be dangerous here, and for more than `bounds` allow;
    /// [`Error::File`] for what can't be read there, or not be written here.
    pub async fn download(&self, remote: &str, local: PathBuf, bounds: Bounds) -> Result<()> {
        let partial = tree::Partial::beside(&local)?;
        let folder = partial.path().to_owned();
        let started = self.begin(shell(PACK, [remote, ""])).await?;
        let Started {
            process,
            first,
            mut output,
            input,
        } = started;
        let (sender, pieces) = mpsc::channel::<Bytes>(PIECES);
        let unpacking = spawn_blocking(move || tree::unpack(Pipe::reader(pieces), &folder, bounds));
        let mut words = Vec::new();
        let mut pour = async |(fd, bytes): (Fd, Bytes)| match fd {
            Fd::Stdout => sender.send(bytes).await.is_ok(),
            Fd::Stderr => {
                keep(&mut words, &bytes);
                true
            }
        };
        let poured = async {
            for piece in first {
                if !pour(piece).await {
                    return Ok(false);
                }
            }
            while let Some(chunk) = output.next().await {
                if !pour(chunk?).await {
                    return Ok(false);
                }
            }
            Ok(true)
        };
        let whole: Result<bool> = poured.await;
        drop(sender);
        // An engine does nothing for a container while output of it isn't read.
        drop((output, input));
        let unpacked = unpacking.await.map_err(panicked)?;
        if !whole? {
            process.signal("KILL").await?;
        }
        let content = match unpacked {
            // What it says itself tells more than an archive that was cut short.
            Err(error @ Error::Unsafe { .. }) => return Err(error),
            unpacked => {
                finished(&process, remote, &words).await?;
                unpacked?
            }
        };
        partial.keep(&content, &local)
    }
}

fn shell(script: &str, [path, mode]: [&str; 2]) -> SpawnOptions {
    let args = ["-c", script, "files", path, mode];
    SpawnOptions {
        file: "/bin/sh".into(),
        args: args.map(Into::into).into(),
        ..SpawnOptions::default()
    }
}

fn keep(words: &mut Vec<u8>, bytes: &[u8]) {
    let room = WORDS.saturating_sub(words.len());
    words.extend_from_slice(&bytes[..room.min(bytes.len())]);
}

/// Whether a program that has ended did what it was to do.
async fn finished(process: &Process, path: &str, words: &[u8]) -> Result<()> {
    match process.code().await? {
        0 => Ok(()),
        127 => Err(Error::file(
            path,
            "the image has no tar, which whole folders need",
        )),
        _ => Err(Error::file(path, String::from_utf8_lossy(words).trim())),
    }
}

fn panicked(error: tokio::task::JoinError) -> Error {
    Error::file("", error.to_string())
}
