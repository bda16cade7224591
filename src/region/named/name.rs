//! What may a channel be called, and which file is that?

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::error::{AttachError, NameError};

/// Where named regions live: shm_overview(7).
pub(super) const DIRECTORY: &str = "/dev/shm";
/// The file of `NAME` is this and the name.
const PREFIX: &str = "annulus.";
/// Longest name, in bytes: short of what is left of a file name's 255.
const MAX: usize = 200;

/// A name that can be one: of a file in /dev/shm, or, of a channel in a file elsewhere, that file's path.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Name {
    text: String,
    path: PathBuf,
}

impl Name {
    /// `name`, if it can be one.
    ///
    /// # Errors
    /// A variant for each rule.
    pub(crate) fn new(name: &str) -> Result<Name, NameError> {
        if name.is_empty() {
            return Err(NameError::Empty);
        }
        if name.len() > MAX {
            return Err(NameError::TooLong {
                length: name.len(),
                max: MAX,
            });
        }
        if let Some(character) = name.chars().find(|c| matches!(c, '/' | '\0')) {
            return Err(NameError::Character {
                name: name.to_owned(),
                character,
            });
        }
        if name.starts_with('.') || name.ends_with('.') {
            return Err(NameError::Dot { name: name.to_owned() });
        }
        Ok(Name {
            text: name.to_owned(),
            path: Path::new(DIRECTORY).join(format!("{PREFIX}{name}")),
        })
    }

    /// Of the channel in the file at `path`, wherever this process goes from here.
    ///
    /// # Errors
    /// The path is empty, or relative to a directory that is not to be had.
    pub(crate) fn of_path(path: &Path) -> io::Result<Name> {
        let path = std::path::absolute(path)?;
        Ok(Name {
            text: path.display().to_string(),
            path,
        })
    }

    /// The name whose file is called so, if it is one's.
    pub(super) fn of_file(file: &OsStr) -> Option<Name> {
        Name::new(file.to_str()?.strip_prefix(PREFIX)?).ok()
    }

    /// The path of its file.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Where that is.
    pub(super) fn directory(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new("/"))
    }

    /// Is it a name in /dev/shm, and not a path elsewhere?
    pub(super) fn in_shm(&self) -> bool {
        self.directory() == Path::new(DIRECTORY)
    }

    /// The name alone, or the path.
    pub(super) fn text(&self) -> String {
        self.text.clone()
    }
}

/// All names in /dev/shm that a channel can have.
pub(super) fn all() -> io::Result<impl Iterator<Item = Name>> {
    let entries = fs::read_dir(DIRECTORY).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => io::Error::new(error.kind(), AttachError::NoShm),
        _ => error,
    })?;
    Ok(entries.filter_map(|entry| Name::of_file(&entry.ok()?.file_name())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_file_name_with_dots_inside() {
        for good in ["a", "prices.v1", "a b", "ü", "-", "a..b", "a\nb", &"n".repeat(MAX)] {
            let name = Name::new(good).unwrap();
            assert_eq!(name.path(), Path::new(&format!("/dev/shm/annulus.{good}")));
            assert_eq!(Name::of_file(OsStr::new(&format!("annulus.{good}"))), Some(name));
        }
        assert_eq!(Name::new(""), Err(NameError::Empty));
        let length = MAX + 1;
        assert_eq!(
            Name::new(&"n".repeat(length)),
            Err(NameError::TooLong { length, max: MAX })
        );
        for (bad, character) in [("a/b", '/'), ("/", '/'), ("../a", '/'), ("a\0", '\0')] {
            let name = bad.to_owned();
            assert_eq!(Name::new(bad), Err(NameError::Character { name, character }));
        }
        for bad in [".", "..", ".a", "a.", "..."] {
            assert_eq!(Name::new(bad), Err(NameError::Dot { name: bad.to_owned() }));
        }
        for foreign in ["annulus", "annulus.", "annulus..", "sem.a", "annulu"] {
            assert_eq!(Name::of_file(OsStr::new(foreign)), None);
        }
    }

    #[test]
    fn a_path_is_a_name_of_its_own() {
        let name = Name::of_path(Path::new("some/file")).unwrap();
        assert_eq!(name.path(), std::env::current_dir().unwrap().join("some/file"));
        assert_eq!(name.text(), name.path().to_str().unwrap());
        assert!(!name.in_shm());
        assert!(Name::new("x").unwrap().in_shm());
        assert!(Name::of_path(Path::new("")).is_err());
    }
}
