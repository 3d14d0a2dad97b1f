//! Finds out, from outside a shell, why it says nothing: scripts that run beside it, in
//! the same container, and their answers. Plain POSIX sh over /proc.

use std::pin::Pin;
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

use super::{Beside, Future};
use crate::error::{Error, Result};

/// A command that has been silent for this long is looked at for the first time; the
/// pause doubles from then on.
pub const FIRST_LOOK: Duration = Duration::from_secs(1);

/// The longest pause between two looks.
pub const LAST_PAUSE: Duration = Duration::from_secs(60);

/// What a shell was found to be doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finding {
    /// It runs a command, or waits for one.
    Busy,
    /// Stopped by a signal: it can't go on by itself.
    Stopped,
    /// It waits for its next line: it has executed its last one without reporting.
    Deaf,
    /// There is no such process.
    Missing,
}

/// A shell is deaf when it sleeps, has no child, and reads a pipe (its script: the only
/// one that it has open for reading). In doubt it's busy.
const LOOK: &str = r#"
p=$1
busy() { echo busy; exit; }
field() { read -r line <"/proc/$1/stat" || return; line=${line##*) }; set -- $line; state=$1 parent=$2; }
field "$p" 2>/dev/null || { echo missing; exit; }
case $state in T|t) echo stopped; exit ;; Z|X) echo missing; exit ;; S) ;; *) busy ;; esac
for stat in /proc/[0-9]*/stat; do
  child=${stat#/proc/}
  if field "${child%/stat}" 2>/dev/null && [ "$parent" = "$p" ]; then busy; fi
done
read -r place <"/proc/$p/wchan" || [ "$place" ] || place=0
case $place in 0|*pipe_read*) ;; *) busy ;; esac
inputs=0
for fd in /proc/"$p"/fd/*; do
  [ -p "$fd" ] || [ -S "$fd" ] || continue
  while read -r key value; do
    case $key$value in flags:*1) ;; flags:*) inputs=$((inputs + 1)) ;; esac
  done <"/proc/$p/fdinfo/${fd##*/}"
done
[ "$inputs" = 1 ] && echo deaf || echo busy
"#;

/// The watch over a shell, while it has a command. Every step of it may be dropped and taken
/// again.
pub struct Watch {
    beside: Beside,
    shell: String,
    alarm: Alarm,
    next: Instant,
    /// When it was looked at last.
    looked: Instant,
    pause: Duration,
    running: Option<Future<Result<String>>>,
    suspicion: Finding,
    /// The shell is to be killed.
    condemned: bool,
}

/// A timer whose time is put off again and again: it's only set anew when it goes off, since
/// to set one may wake the thread that waits for all of them.
struct Alarm(Pin<Box<Sleep>>);

impl Alarm {
    async fn at(&mut self, time: Instant) {
        while Instant::now() < time {
            if self.0.is_elapsed() || self.0.deadline() > time {
                self.0.as_mut().reset(time);
            }
            self.0.as_mut().await;
        }
    }
}

impl Watch {
    /// Watches over nothing yet.
    pub fn new(beside: Beside) -> Self {
        let now = Instant::now();
        Self {
            beside,
            shell: String::new(),
            alarm: Alarm(Box::pin(sleep_until(now))),
            next: now,
            looked: now,
            pause: FIRST_LOOK,
            running: None,
            suspicion: Finding::Busy,
            condemned: false,
        }
    }

    /// Watches over the process `shell` from now on, which has a command.
    pub fn begin(&mut self, shell: &str) {
        self.looked = Instant::now();
        self.next = self.looked + FIRST_LOOK;
        self.pause = FIRST_LOOK;
        self.running = None;
        self.suspicion = Finding::Busy;
        self.condemned = false;
        shell.clone_into(&mut self.shell);
    }

    /// It has none any more. A look that is under way is given up, and its connection with it.
    pub fn end(&mut self) {
        self.running = None;
    }

    /// Something was printed, so the shell was well just now, unless it was something beside
    /// it: it's looked at all the same when [`LAST_PAUSE`] has passed.
    pub fn heard(&mut self) {
        if self.suspicion != Finding::Stopped {
            self.next = (Instant::now() + self.pause).min(self.looked + LAST_PAUSE);
            self.suspicion = Finding::Busy;
        }
    }

    /// Waits for the next sure finding: of two looks that agree. A shell found stopped or
    /// deaf is killed by the step after it. Fails when the engine doesn't answer any more,
    /// or says that the container is gone.
    pub async fn next(&mut self) -> Result<Finding> {
        match self.condemned {
            true => self.kill().await,
            false => self.look().await,
        }
    }

    async fn look(&mut self) -> Result<Finding> {
        let finding = finding(&self.ask(LOOK).await?);
        let sure = finding == self.suspicion;
        self.suspicion = finding;
        if finding == Finding::Busy {
            self.pause = LAST_PAUSE.min(self.pause * 2);
        }
        self.condemned = sure && matches!(finding, Finding::Stopped | Finding::Deaf);
        Ok(if sure { finding } else { Finding::Busy })
    }

    async fn kill(&mut self) -> Result<Finding> {
        self.ask("kill -9 \"$1\"").await?;
        self.condemned = false;
        Ok(Finding::Busy)
    }

    /// Runs a script beside the shell when it's time, and gives what it printed.
    async fn ask(&mut self, script: &'static str) -> Result<String> {
        if self.running.is_none() {
            self.alarm.at(self.next).await;
            let arguments = ["-c", script, "watchdog", &self.shell]
                .map(Into::into)
                .into();
            self.running = Some((self.beside)(arguments));
        }
        let answer = match &mut self.running {
            Some(running) => running.await,
            None => Ok(String::new()),
        };
        self.running = None;
        self.looked = Instant::now();
        self.next = self.looked + self.pause;
        match answer {
            Err(error @ (Error::Timeout { .. } | Error::Gone(_))) => Err(error),
            answer => Ok(answer.unwrap_or_default()),
        }
    }
}

/// Reads a look's answer; in doubt the shell is busy.
fn finding(answer: &str) -> Finding {
    match answer.trim() {
        "stopped" => Finding::Stopped,
        "deaf" => Finding::Deaf,
        "missing" => Finding::Missing,
        _ => Finding::Busy,
    }
}
