//! What may a channel be called, and which file is that?

use std::ffi::OsStr;

use crate::error::NameError;

/// Where named regions live: shm_overview(7).
pub(super) const DIRECTORY: &str = "/dev/shm";
/// The file of `NAME` is this and the name.
const PREFIX: &str = "annulus.";
/// Longest name, in bytes: short of what is left of a file name's 255.
const MAX: usize = 200;

/// A name that can be one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Name(String);

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
        Ok(Name(name.to_owned()))
    }

    /// The name whose file is called so, if it is one's.
    pub(super) fn of_file(file: &OsStr) -> Option<Name> {
        Name::new(file.to_str()?.strip_prefix(PREFIX)?).ok()
    }

    /// The path of its file.
    pub(super) fn path(&self) -> String {
        format!("{DIRECTORY}/{PREFIX}{}", self.0)
    }

    /// The name alone.
    pub(super) fn text(&self) -> String {
        self.0.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_file_name_with_dots_inside() {
        for good in ["a", "prices.v1", "a b", "ü", "-", "a..b", "a\nb", &"n".repeat(MAX)] {
            let name = Name::new(good).unwrap();
            assert_eq!(name.path(), format!("/dev/shm/annulus.{good}"));
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
}
