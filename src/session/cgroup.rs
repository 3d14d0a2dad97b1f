//! What a shell can read of its control group, of version 1 or 2: what was used, and which of
//! its limits were reached. Only by what is built into every shell.

use std::time::Duration;

use super::token::Token;

/// What was used of the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usage {
    /// Of all processors.
    pub cpu: Duration,
    /// The most memory at a time, in bytes, where it's known.
    pub memory: Option<u64>,
}

/// A limit that a command has run into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// A process was killed, since there was no memory for it.
    Memory,
    /// A process or a thread couldn't be started, since there were so many.
    Pids,
    /// The command said that there was no space left on a file system.
    Disk,
}

/// How often the group's limits were reached.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Hits {
    memory: u64,
    pids: u64,
}

/// Prints nanoseconds (or microseconds, as `Nu`) of processors, and the most memory in bytes;
/// between `{frame}`.
const USAGE: &str = r#"(\command set +eu; cpu= peak=; cd /sys/fs/cgroup
\command read -r cpu <cpuacct/cpuacct.usage || while \command read -r key value; do
case $key in usage_usec) cpu=${value}u ;; esac; done <cpu.stat
\command read -r peak <memory/memory.max_usage_in_bytes || \command read -r peak <memory.peak
\command printf '%s' "{frame}${cpu} ${peak}{frame}") 2>/dev/null"#;

/// Prints, between `{frame}`, lines of a kind, a key and a number. Without a subshell: there
/// may be no process to be had.
const HITS: &str = r#"{ \command printf %s '{frame}'
for DOCKER_EXEC_F in memory/memory.oom_control memory.events pids/pids.events pids.events; do
if \command [ -r /sys/fs/cgroup/"$DOCKER_EXEC_F" ]; then
while IFS= \command read -r DOCKER_EXEC_L; do \command printf '%s %s\n' "$DOCKER_EXEC_F" "$DOCKER_EXEC_L"
done </sys/fs/cgroup/"$DOCKER_EXEC_F"; fi; done; \command unset DOCKER_EXEC_F DOCKER_EXEC_L
\command printf %s '{frame}'; } 2>/dev/null"#;

/// Has a shell print its [`Usage`] between two frames.
pub fn usage(frame: &Token) -> String {
    USAGE.replace("{frame}", &frame.to_string())
}

/// Has a shell print its [`Hits`] between two frames.
pub fn hits(frame: &Token) -> String {
    HITS.replace("{frame}", &frame.to_string())
}

/// What the shell printed between the frames, if it did, and what was printed beside it.
pub fn framed(text: &str, frame: &Token) -> (Option<String>, String) {
    let parts: Vec<&str> = text.split(&frame.to_string()).collect();
    match &parts[..] {
        &[before, framed, after] => (Some(framed.into()), [before, after].concat()),
        _ => (None, parts.concat()),
    }
}

impl Usage {
    /// Of what [`usage`] printed.
    pub fn parse(text: &str) -> Option<Self> {
        let (cpu, peak) = text.split_once(' ')?;
        let cpu = match cpu.strip_suffix('u') {
            Some(micros) => Duration::from_micros(micros.parse().ok()?),
            None => Duration::from_nanos(cpu.parse().ok()?),
        };
        let memory = peak.parse().ok();
        Some(Self { cpu, memory })
    }
}

impl Hits {
    /// Of what [`hits`] printed.
    pub fn parse(text: &str) -> Self {
        let mut hits = Self::default();
        for line in text.lines() {
            let fields: Vec<&str> = line.split_whitespace().collect();
            let &[file, key, count] = &fields[..] else {
                continue;
            };
            let count = count.parse().unwrap_or_default();
            match key {
                "oom_kill" => hits.memory = count,
                "max" if file.contains("pids") => hits.pids = count,
                _ => {}
            }
        }
        hits
    }

    /// The limit that was reached since `before`, or that a command's words tell of.
    pub fn since(self, before: Self, stderr: &[u8]) -> Option<Limit> {
        let says = |words: &str| memchr::memmem::find(stderr, words.as_bytes()).is_some();
        if self.memory > before.memory {
            Some(Limit::Memory)
        } else if self.pids > before.pids {
            Some(Limit::Pids)
        } else if says("No space left on device") || says("Disk quota exceeded") {
            Some(Limit::Disk)
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hits_are_read_of_both_versions() {
        let hits = |memory, pids| Hits { memory, pids };
        for (text, expected) in [
            ("", hits(0, 0)),
            (
                "memory/memory.oom_control oom_kill_disable 0\nmemory/memory.oom_control \
                 oom_kill 3\npids/pids.events max 4\n",
                hits(3, 4),
            ),
            (
                "memory.events max 9\nmemory.events oom 8\nmemory.events oom_kill 2\n\
                 pids.events max 1\n",
                hits(2, 1),
            ),
        ] {
            assert_eq!(Hits::parse(text), expected, "{text}");
        }
    }

    #[test]
    fn the_limit_is_the_one_that_was_reached_since() {
        let hits = |memory, pids| Hits { memory, pids };
        let full = b"dd: error writing '/tmp/x': No space left on device";
        for (after, stderr, expected) in [
            (hits(1, 2), &b"failed"[..], None),
            (hits(2, 2), full, Some(Limit::Memory)),
            (hits(1, 3), full, Some(Limit::Pids)),
            (hits(1, 2), full, Some(Limit::Disk)),
        ] {
            assert_eq!(after.since(hits(1, 2), stderr), expected);
        }
    }
}
