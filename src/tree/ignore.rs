//! `.dockerignore`: which files of a folder stay out of a build, by moby's rules. They are not
//! git's: a pattern begins at the folder, and what a later `!` brings back may lie in a folder
//! that an earlier pattern took away.

use regex_lite::Regex;

use crate::error::{Error, Result};

/// Its name in a build's folder.
pub const NAME: &str = ".dockerignore";

/// Patterns; of those that match, the last one counts.
#[derive(Debug, Default)]
pub struct Ignore(Vec<Pattern>);

/// What is known of something in the folder.
#[derive(Debug, Default)]
pub struct Look {
    /// It stays out.
    pub ignored: bool,
    /// Which patterns match it, or what it's in.
    matched: Vec<bool>,
}

#[derive(Debug)]
struct Pattern {
    path: String,
    regex: Regex,
    brings_back: bool,
}

impl Ignore {
    /// Reads the file's text.
    ///
    /// # Errors
    /// [`Error::File`] for a pattern that is none.
    pub fn parse(text: &str) -> Result<Self> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        let lines = lines.map(str::trim).filter(|line| !line.is_empty());
        lines.map(pattern).collect::<Result<_>>().map(Self)
    }

    /// Looks at something in a folder that was looked at. `path` has `/` between its parts.
    pub fn look(&self, path: &str, folder: &Look) -> Look {
        let mut look = Look::default();
        for (index, pattern) in self.0.iter().enumerate() {
            let inherited = folder.matched.get(index) == Some(&true);
            // One that would change nothing isn't asked, and so doesn't match what is below.
            let asked = pattern.brings_back == look.ignored;
            let matches = inherited || asked && pattern.regex.is_match(path);
            if matches {
                look.ignored = !pattern.brings_back;
            }
            look.matched.push(matches);
        }
        look
    }

    /// Whether something in a folder that stays out may come along: only where a `!` spells the
    /// folder out, as docker's command line has it.
    pub fn brings_back_from(&self, folder: &str) -> bool {
        let below = |path: &str| path == folder || path.starts_with(&format!("{folder}/"));
        let mut brought = self.0.iter().filter(|pattern| pattern.brings_back);
        brought.any(|pattern| below(&pattern.path))
    }
}

fn pattern(line: &str) -> Result<Pattern> {
    let unfit = || Error::file(NAME, format!("{line:?} is no pattern"));
    let (brings_back, text) = match line.strip_prefix('!') {
        Some(rest) => (true, rest.trim()),
        None => (false, line),
    };
    if text.is_empty() {
        return Err(unfit());
    }
    let path = clean(text);
    let regex = Regex::new(&translate(&path)).map_err(|_| unfit())?;
    Ok(Pattern {
        path,
        regex,
        brings_back,
    })
}

/// The path without what leads nowhere: `.`, empty parts, and what `..` takes back.
pub fn clean(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// The pattern as a regular expression for a whole path.
fn translate(pattern: &str) -> String {
    let mut regex = String::from("^");
    let mut rest = pattern.chars().peekable();
    while let Some(char) = rest.next() {
        match char {
            '*' if rest.next_if_eq(&'*').is_some() => {
                let _ = rest.next_if_eq(&'/');
                regex += if rest.peek().is_none() {
                    ".*"
                } else {
                    "(?:.*/)?"
                };
            }
            '*' => regex += "[^/]*",
            '?' => regex += "[^/]",
            '[' | ']' | '^' | '-' => regex.push(char),
            '\\' => regex += &regex_lite::escape(&rest.next().unwrap_or('\\').to_string()),
            char => regex += &regex_lite::escape(&char.to_string()),
        }
    }
    regex + "$"
}
