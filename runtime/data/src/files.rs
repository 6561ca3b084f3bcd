//! Bytes in and out: a [`Source`] is read whole up to a limit; a file is written whole or not at all.

use std::ffi::OsString;
use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use tempfile::TempPath;

use crate::error::{DataError, Problem, reason};

/// How many bytes an input may have.
const MAXIMUM_BYTES: u64 = 256_000_000;

/// Where input comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// Standard input, `-` on the command line.
    StandardInput,
    /// A file.
    File(PathBuf),
}

impl Source {
    /// All bytes of the source.
    ///
    /// # Errors
    /// If it cannot be read, or has more than 256 MB.
    pub fn read(&self) -> Result<Vec<u8>, DataError> {
        let bytes = match self {
            Source::StandardInput => read_up_to(io::stdin().lock(), MAXIMUM_BYTES),
            Source::File(path) => {
                File::open(path).map_err(cannot_read).and_then(|file| read_up_to(file, MAXIMUM_BYTES))
            }
        };
        bytes.map_err(|problem| DataError::from(problem).about(self))
    }
}

impl From<OsString> for Source {
    fn from(argument: OsString) -> Source {
        if argument == "-" { Source::StandardInput } else { Source::File(argument.into()) }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::StandardInput => write!(formatter, "standard input"),
            Source::File(path) => write!(formatter, "{}", path.display()),
        }
    }
}

/// All bytes of `reader`, if there are no more than `limit`.
fn read_up_to(reader: impl Read, limit: u64) -> Result<Vec<u8>, Problem> {
    let mut bytes = Vec::new();
    let count = reader.take(limit.saturating_add(1)).read_to_end(&mut bytes).map_err(cannot_read)?;
    if count as u64 > limit {
        return Err(Problem::TooLong { limit });
    }
    Ok(bytes)
}

/// The operating system's refusal as a problem.
fn cannot_read(error: io::Error) -> Problem {
    Problem::CannotRead { reason: reason(&error) }
}

/// Writes a file that is whole or not there: the bytes go into a temporary file beside it, which then takes its name.
///
/// A link is followed. What is no ordinary file (a pipe, `/dev/stdout`) cannot be replaced and is written to directly.
///
/// # Errors
/// If the operating system refuses.
pub fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), DataError> {
    prepare(path, |file| file.write_all(bytes))?.place()
}

/// A file that is written but not at its place yet. Dropped, it leaves no trace.
#[derive(Debug)]
pub struct Pending {
    /// What the user calls it.
    path: PathBuf,
    /// The file under its temporary name, and where it belongs; nothing where the bytes could only be written directly.
    written: Option<(TempPath, PathBuf)>,
}

/// The first half of [`write_whole`], for content that is made while it is written, and for files that belong together: all
/// are prepared before the first takes its place.
///
/// # Errors
/// If the operating system refuses, or `write` fails.
pub fn prepare(path: &Path, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<Pending, DataError> {
    let written = match fs::metadata(path) {
        Ok(found) if found.is_file() => fs::canonicalize(path).and_then(|target| beside(target, write).map(Some)),
        Ok(_) => File::options().write(true).open(path).and_then(|mut file| write(&mut file)).map(|()| None),
        Err(_) => beside(path.to_owned(), write).map(Some),
    };
    match written {
        Ok(written) => Ok(Pending { path: path.to_owned(), written }),
        Err(error) => Err(cannot_write(path, &error)),
    }
}

impl Pending {
    /// Puts the file in its place, and what was there is gone.
    ///
    /// # Errors
    /// If the operating system refuses.
    pub fn place(self) -> Result<(), DataError> {
        match self.written {
            Some((file, target)) => file.persist(target).map_err(|error| cannot_write(&self.path, &error.error)),
            None => Ok(()),
        }
    }
}

/// The operating system's refusal, told of a file.
fn cannot_write(path: &Path, error: &io::Error) -> DataError {
    let reason = reason(error);
    DataError::from(Problem::CannotWrite { reason }).about(path.display())
}

/// A temporary file in the folder of `target`, with what `write` writes.
fn beside(target: PathBuf, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<(TempPath, PathBuf)> {
    let folder = match target.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // What `File::create` asks for, and the user's umask narrows; temporary files are private by default.
        builder.permissions(fs::Permissions::from_mode(0o666));
    }
    let mut file = builder.tempfile_in(folder)?;
    write(&mut file)?;
    Ok((file.into_temp_path(), target))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dash_is_standard_input() {
        let source = Source::from(OsString::from("-"));
        assert_eq!(source.to_string(), "standard input");
        let source = Source::from(OsString::from("./-"));
        assert_eq!(source, Source::File("./-".into()));
    }

    #[test]
    fn reading_stops_at_the_limit() {
        assert_eq!(read_up_to(&b"abc"[..], 3), Ok(b"abc".to_vec()));
        let endless = io::repeat(0);
        assert_eq!(read_up_to(endless, 3), Err(Problem::TooLong { limit: 3 }));
    }

    #[test]
    fn a_missing_file_and_a_folder_are_errors() {
        let folder = tempfile::tempdir().unwrap();
        for path in [folder.path().join("missing"), folder.path().to_owned()] {
            let error = Source::File(path.clone()).read().unwrap_err();
            assert!(matches!(error.problem, Problem::CannotRead { .. }));
            assert_eq!(error.file, Some(path.display().to_string()));
        }
    }

    #[test]
    fn writing_replaces_and_leaves_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out");
        write_whole(&path, b"first").unwrap();
        write_whole(&path, b"second").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"second");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);

        let error = write_whole(&folder.path().join("no/such"), b"").unwrap_err();
        assert!(matches!(error.problem, Problem::CannotWrite { .. }));
        let error = write_whole(folder.path(), b"").unwrap_err();
        assert!(matches!(error.problem, Problem::CannotWrite { .. }));
    }

    #[test]
    fn a_failure_while_writing_leaves_what_was_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out");
        write_whole(&path, b"old").unwrap();
        let full = prepare(&path, |file| file.write_all(b"half").and(Err(io::ErrorKind::StorageFull.into())));
        assert!(matches!(full.unwrap_err().problem, Problem::CannotWrite { .. }));
        drop(prepare(&path, |file| file.write_all(b"new")).unwrap());
        assert_eq!(fs::read(&path).unwrap(), b"old");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[cfg(unix)]
    #[test]
    fn links_are_followed_and_devices_are_not_replaced() {
        use std::os::unix::fs::{FileTypeExt, symlink};

        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("target");
        let link = folder.path().join("link");
        fs::write(&target, b"old").unwrap();
        symlink(&target, &link).unwrap();
        write_whole(&link, b"new").unwrap();
        assert_eq!(fs::read(&target).unwrap(), b"new");
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());

        write_whole(Path::new("/dev/null"), b"gone").unwrap();
        let device = fs::metadata("/dev/null").unwrap();
        assert!(device.file_type().is_char_device());
    }
}
