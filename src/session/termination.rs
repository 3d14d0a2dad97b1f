//! Ends a command from outside its shell, because its time is up or its caller says so:
//! its processes get a signal, then SIGKILL; then its shell; then there's nothing left to
//! do but to give the container up.

use std::borrow::Cow;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use super::script::{self, Snapshot};
use super::{Beside, Future};
use crate::error::{Error, Result};

/// How long processes have to go after SIGKILL, and a shell after its own.
const AFTER_KILL: Duration = Duration::from_millis(500);

/// Requests about one command that may wait.
pub const CONTROLS: usize = 16;

/// Why a command was ended early.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// Its `timeout` had passed.
    Timeout,
    /// Its caller wanted it to end.
    Abort,
    /// It printed more than was to be kept.
    Overflow,
}

/// What a caller may ask of a command that runs or waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Control {
    /// End it, by every means.
    Abort,
    /// Send this signal (its name, without SIG) to its processes, or where it has none to
    /// its shell, and nothing else.
    Signal(String),
}

/// When and how to end a command.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Counted from when it begins to run.
    pub timeout: Option<Duration>,
    /// The first signal's name, without SIG.
    pub signal: Cow<'static, str>,
    /// From the first signal to SIGKILL.
    pub grace: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            timeout: None,
            signal: "TERM".into(),
            grace: Duration::from_secs(5),
        }
    }
}

/// Sends a signal to the processes of a command: what descends from the shell and has begun
/// with the command or after it, and what such processes have left to the container's init.
/// Says how many there were. Arguments: shell, signal, the machine's uptime when the command
/// began, in hundredths of a second, the jobs that the shell had then, whether to look for what
/// was left to init, and whether the shell itself gets it where there was nobody else. What is
/// above the shell, the leash too, is never touched. What is to be killed is stopped when it's
/// found, so that it starts nothing that would be missed; for another signal it's only looked a
/// few times, since there may be new ones each time. A shell that has ended is no argument:
/// this script's group is the same as its.
const SIGNAL: &str = r#"
shell=$1 signal=$2 since=$3 jobs=$4 orphans=$5 alone=$6
{ read -r group </proc/"$shell"/cgroup || read -r group </proc/self/cgroup; } 2>/dev/null
above=$shell
while read -r line <"/proc/$above/stat" && set -- ${line##*) } && [ "$2" -gt 1 ]; do
  above=$2 jobs="$jobs $2 "
done 2>/dev/null
known=" $shell " found= more=1 looks=5
while [ "$more" ] && { [ "$signal" = KILL ] || [ $((looks -= 1)) -ge 0 ]; }; do
  more=
  for stat in /proc/[0-9]*/stat; do
    pid=${stat#/proc/} pid=${pid%/stat}
    case $known$jobs in *" $pid "*) continue ;; esac
    read -r line <"$stat" || continue
    set -- ${line##*) }
    [ "$1" != Z ] && [ "${20}" -ge "$since" ] || continue
    case $known in
      *" $2 "*) ;;
      *) [ "$orphans" ] && [ "$2" = 1 ] && read -r other </proc/"$pid"/cgroup && [ "$other" = "$group" ] || continue ;;
    esac
    known="$known$pid " found="$found $pid" more=1
    [ "$signal" = KILL ] && kill -s STOP "$pid"
  done 2>/dev/null
done
count=0
for pid in $found; do kill -s "$signal" "$pid" && count=$((count + 1)); done 2>/dev/null
[ $count = 0 ] && [ "$alone" ] && kill -s "$signal" "$shell"
echo $count
"#;

/// Says the machine's uptime.
const CLOCK: &str = "read -r up idle </proc/uptime; echo \"$up\"";

/// Sends a signal to the shell itself.
const SIGNAL_SHELL: &str = r#"kill -s "$2" "$1""#;

/// The ending of one command. Every step of it may be dropped and taken again.
pub struct Termination {
    beside: Beside,
    shell: String,
    begun: Instant,
    /// The machine's uptime then, in hundredths of a second, where it's known.
    uptime: Option<u64>,
    jobs: String,
    limits: Limits,
    control: Option<mpsc::Receiver<Control>>,
    /// Why it was begun, once it was.
    cause: Option<Cause>,
    stage: Stage,
    /// When the next stage begins.
    due: Option<Instant>,
    /// A script to be run, and its signal.
    waiting: Option<(&'static str, String)>,
    running: Option<Future<Result<String>>>,
}

/// What has been done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Nothing,
    Asked,
    Killed,
    ShellKilled,
}

impl Termination {
    /// Of a command that begins now, in the shell of that process, held by the process `leader`.
    pub fn new(
        beside: Beside,
        leader: &str,
        shell: String,
        snapshot: Option<&Snapshot>,
        limits: Limits,
        control: Option<mpsc::Receiver<Control>>,
    ) -> Self {
        let begun = Instant::now();
        Self {
            beside,
            shell,
            begun,
            uptime: snapshot.map(|snapshot| snapshot.uptime),
            jobs: format!(
                " {leader} {}",
                snapshot.map_or("", |snapshot| &snapshot.jobs)
            ),
            due: limits.timeout.map(|timeout| begun + timeout),
            limits,
            control,
            cause: None,
            stage: Stage::Nothing,
            waiting: None,
            running: None,
        }
    }

    /// Why the command was ended, if it was.
    pub fn cause(&self) -> Option<Cause> {
        self.cause
    }

    /// Since the command began.
    pub fn elapsed(&self) -> Duration {
        self.begun.elapsed()
    }

    /// Begins; the first reason stays.
    pub fn begin(&mut self, cause: Cause) {
        if self.cause.is_none() {
            self.cause = Some(cause);
            self.due = Some(Instant::now());
        }
    }

    /// Goes on with the ending, at its times.
    ///
    /// # Errors
    /// [`Error::Gone`] when even the shell's death has brought no report.
    pub async fn step(&mut self) -> Result<()> {
        if let Some((script, signal)) = &self.waiting {
            let alone = if self.stage == Stage::Nothing {
                "alone"
            } else {
                ""
            };
            let running = self.running.get_or_insert_with(|| match self.uptime {
                Some(uptime) => run(
                    &self.beside,
                    script,
                    [&self.shell, signal, &uptime.to_string(), &self.jobs, alone],
                ),
                None => run(&self.beside, CLOCK, [""; 5]),
            });
            let answer = running.await;
            self.running = None;
            return self.answered(answer);
        }
        tokio::select! {
            () = at(self.due) => self.next_stage(),
            control = next(&mut self.control) => {
                match control {
                    Control::Abort => self.begin(Cause::Abort),
                    Control::Signal(signal) => self.send(SIGNAL, &signal),
                }
                Ok(())
            }
        }
    }

    fn next_stage(&mut self) -> Result<()> {
        self.begin(Cause::Timeout);
        self.due = None;
        let signal = self.limits.signal.clone();
        match self.stage {
            Stage::Nothing => {
                self.stage = Stage::Asked;
                self.send(SIGNAL, &signal);
            }
            Stage::Asked => {
                self.stage = Stage::Killed;
                self.send(SIGNAL, "KILL");
            }
            Stage::Killed => {
                self.stage = Stage::ShellKilled;
                self.send(SIGNAL_SHELL, "KILL");
            }
            Stage::ShellKilled => {
                let text = "it was given up: a command that was to end had outlived its shell";
                return Err(Error::Gone(text.into()));
            }
        }
        Ok(())
    }

    /// Knows now when the command began; or plans the next stage, which comes at once where
    /// there was nobody to signal.
    fn answered(&mut self, answer: Result<String>) -> Result<()> {
        let text = match answer {
            Err(error @ (Error::Timeout { .. } | Error::Gone(_))) => return Err(error),
            answer => answer.unwrap_or_default(),
        };
        if self.uptime.is_none() {
            let now = script::hundredths(&text).unwrap_or(u64::MAX);
            self.uptime =
                Some(now.saturating_sub(self.begun.elapsed().as_millis() as u64 / 10 + 2));
            return Ok(());
        }
        self.waiting = None;
        let nobody = text.trim() == "0";
        let pause = match self.stage {
            Stage::Nothing => return Ok(()),
            Stage::Asked | Stage::Killed if nobody => Duration::ZERO,
            Stage::Asked => self.limits.grace,
            Stage::Killed | Stage::ShellKilled => AFTER_KILL,
        };
        if nobody && self.stage == Stage::Asked {
            self.stage = Stage::Killed;
        }
        self.due = Some(Instant::now() + pause);
        Ok(())
    }

    fn send(&mut self, script: &'static str, signal: &str) {
        self.waiting = Some((script, signal.to_owned()));
    }

    /// After the command has settled: kills what it has left behind, if it was ended. Says how
    /// many there were. Of a shell that has ended, another process may have the id by now.
    pub fn sweep(&self, shell_ended: bool) -> Option<Future<Result<String>>> {
        self.cause?;
        let shell = if shell_ended { "" } else { &self.shell };
        let since = self.uptime?.to_string();
        Some(run(
            &self.beside,
            SIGNAL,
            [shell, "KILL", &since, &self.jobs, ""],
        ))
    }
}

/// Runs one of the scripts, which looks for orphans too.
fn run(
    beside: &Beside,
    script: &str,
    [shell, signal, since, jobs, alone]: [&str; 5],
) -> Future<Result<String>> {
    let arguments = [
        "-c", script, "signal", shell, signal, since, jobs, "orphans", alone,
    ];
    beside(arguments.map(Into::into).into())
}

/// The arguments of `/bin/sh` to kill all that descends from the process `pid`.
pub fn kill_below(pid: &str) -> Vec<String> {
    ["-c", SIGNAL, "signal", pid, "KILL", "0"]
        .map(Into::into)
        .into()
}

async fn at(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => std::future::pending().await,
    }
}

async fn next(control: &mut Option<mpsc::Receiver<Control>>) -> Control {
    match control {
        Some(control) => match control.recv().await {
            Some(request) => request,
            None => std::future::pending().await,
        },
        None => std::future::pending().await,
    }
}
