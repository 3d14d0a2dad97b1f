//! The Engine API's version, which is in every request's path.

use std::fmt;

use bollard::ClientVersion;

use crate::Result;
use crate::engine::endpoint::argument;

/// An API version, as `1.41`. It is ordered by age.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    major: u16,
    minor: u16,
}

impl Version {
    /// The newest that we understand: bollard's models are made from it.
    pub fn newest() -> Self {
        let ClientVersion {
            major_version,
            minor_version,
        } = *bollard::API_DEFAULT_VERSION;
        let small = |number| u16::try_from(number).unwrap_or(u16::MAX);
        Self {
            major: small(major_version),
            minor: small(minor_version),
        }
    }

    /// What an engine without an `Api-Version` header speaks, by the docker command's rule.
    pub const OLDEST: Self = Self {
        major: 1,
        minor: 24,
    };

    /// Reads `1.41`; `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let (major, minor) = text.split_once('.')?;
        let number = |text: &str| {
            let digits = text.bytes().all(|byte| byte.is_ascii_digit());
            text.parse().ok().filter(|_| digits)
        };
        Some(Self {
            major: number(major)?,
            minor: number(minor)?,
        })
    }

    /// Reads the caller's `version`, with or without a `v`.
    ///
    /// # Errors
    /// [`Error::Argument`](crate::Error::Argument) for anything else.
    pub fn chosen(text: &str) -> Result<Self> {
        match Self::parse(text.strip_prefix('v').unwrap_or(text)) {
            Some(version) => Ok(version),
            None => argument(format!(
                "version {text:?} is not an API version: write it like 1.41"
            )),
        }
    }

    /// The same in bollard's type.
    pub(super) fn for_bollard(self) -> ClientVersion {
        ClientVersion {
            major_version: self.major.into(),
            minor_version: self.minor.into(),
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}
