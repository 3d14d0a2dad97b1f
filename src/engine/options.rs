//! Reads options that JavaScript gives as JSON, strictly: what can't be used is refused by
//! name.

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::error::{Error, Result};

/// The text as JSON.
pub fn json(options: &str) -> Result<Value> {
    let parsed = serde_json::from_str(options);
    parsed.map_err(|error| Error::Argument(format!("the options are not JSON: {error}")))
}

/// Reads the options of `call` as a `T`, to the last field.
///
/// # Errors
/// [`Error::Argument`] for a field that there isn't, or one of a wrong type.
pub fn read<T: DeserializeOwned>(call: &str, value: Value) -> Result<T> {
    let mut unknown = None;
    let mut track = serde_path_to_error::Track::new();
    let path = serde_path_to_error::Deserializer::new(value, &mut track);
    let read = serde_ignored::deserialize(path, |path| {
        unknown.get_or_insert_with(|| path.to_string().replace(".?", ""));
    });
    let parsed = read.map_err(|error| match track.path().to_string().as_str() {
        "." => Error::Argument(format!("{call}: the options: {error}")),
        path => Error::Argument(format!("{call}: option {path}: {error}")),
    })?;
    match unknown {
        Some(path) => {
            let hint = match call {
                "build" | "commit" => "",
                _ => ": options are spelled as in the Engine API (Image, Env, HostConfig, …)",
            };
            let message = format!("{call} option {path} is unknown{hint}");
            Err(Error::Argument(message))
        }
        None => Ok(parsed),
    }
}
