//! Every byte of shell that a session sends: the leash it starts from, and the one line
//! of a command. Plain POSIX sh; tried on bash, dash and busybox ash.

use super::token::Token;

/// The longest command, in bytes. A shell takes 10 MB in seconds; beyond this bound a
/// file is the better way in.
pub const MAX_COMMAND: usize = 16 * 1024 * 1024;

/// What the processes that hold a session begin with: the streams themselves on
/// descriptors 8 and 9, whatever a command does to its own, and which shell it's to be.
///
/// A command may signal its process group or its parent: what holds the session ignores
/// that, and hands default dispositions on (an ignored signal would be inherited).
const PRELUDE: &str = r#"
exec 8>&1 9>&2 2>/dev/null
trap : HUP INT QUIT TERM
fail() { printf '%s' "$1" >&9; exit 126; }
report() { printf "\036$1 $2\037" >&8; printf "\036$1\037" >&9; }
command -v cat >/dev/null || fail 'it has no cat'
[ -r /proc/$$/fd/0 ] || fail 'it has no /proc'
[ -c /dev/null ] || fail 'it has no /dev/null'
__dx_shell=$1
[ "$__dx_shell" ] || { __dx_shell=/bin/sh; command -v bash >/dev/null && __dx_shell=bash; }
command -v "$__dx_shell" >/dev/null || fail "it has no $__dx_shell"
"#;

/// The leash: when the client goes away, in whatever way, `cat` sees the end of its input
/// and ends the main process, and so the container. What it copies is read by what follows.
const LEASH: &str = r#"{ trap '' HUP INT QUIT TERM; cat; kill -9 $$; } | "#;

/// The supervisor reads a nonce, gives way to a shell (the text follows at `{shell}`), and
/// reports with that nonce when it has ended. Lines that are no nonce belonged to a dead
/// shell and are skipped. Where there's no room for another process it tries again, as long as
/// the leash is there: `\command eval` keeps that from ending dash and busybox, and leaves out
/// what follows in it. The variables have names that no image exports, or commands would see them.
const SUPERVISOR: &str = r#"
  trap : HUP INT QUIT TERM
  while IFS= read -r __dx_nonce; do
    case $__dx_nonce in
      '#@'??????????????????????) __dx_nonce=${__dx_nonce#??} ;;
      *) continue ;;
    esac
    __dx_code=
    until [ "$__dx_code" ]; do kill -0 $$ || exit; \command eval '{shell}; __dx_code=$?'; done
    report "$__dx_nonce" "$__dx_code"
  done
"#;

/// A shell with its script on descriptor 3, so that commands have an empty stdin.
const SCRIPTED: &str = r#"(exec "$__dx_shell" /dev/fd/3 3<&0 </dev/null 2>&9 8>&- 9>&-)"#;

/// A shell on the terminal, as a job in the foreground. A terminal is one stream, so one
/// mark is enough: the other goes to /dev/null.
const INTERACTIVE: &str = r#"(exec "$__dx_shell" </dev/tty 2>&8 8>&- 9>&-)"#;

/// Keeps what the leash copies where [`terminal`] can read it.
const LETTERBOX: &str = r#"
  trap '' HUP INT QUIT TERM
  printf "\036$1 $$\037" >&8; printf "\036$1\037" >&9
  while :; do sleep 86400; done
"#;

/// The command line of the main process. `shell` is a path or a name, or empty for bash
/// where there is one and sh elsewhere. With `hello` it reports its process id.
pub fn leash(shell: &str, hello: &Token) -> Vec<String> {
    let supervisor = SUPERVISOR.replace("{shell}", SCRIPTED);
    let text = format!("{PRELUDE}report \"$2\" $$\n{LEASH}{{{supervisor}}}");
    arguments(text, [shell, &hello.to_string()])
}

/// The command line of the main process of a terminal session: only the leash, and a
/// letter box, whose process id comes with `hello`.
pub fn letterbox(hello: &Token) -> Vec<String> {
    let text = format!(
        "{PRELUDE}{LEASH}exec /bin/sh -c '{}' letterbox \"$2\"",
        LETTERBOX.replace('\'', "\"")
    );
    arguments(text, ["", &hello.to_string()])
}

/// The command line of what runs in the terminal, beside the letter box of process `pid`:
/// the supervisor, which says `hello` itself.
pub fn terminal(shell: &str, hello: &Token, pid: &str) -> Vec<String> {
    let supervisor = SUPERVISOR.replace("{shell}", INTERACTIVE);
    let text = format!("{PRELUDE}exec <\"$3\" 9>/dev/null\nset -m\nreport \"$2\" $$\n{supervisor}");
    arguments(text, [shell, &hello.to_string(), &letters(pid)])
}

/// Says why a program can't be run, or reports the process id that it will have, and gives
/// way to it. Uses no variables: one of that name may be exported.
const PROGRAM: &str = r#"
[ -z "$2" ] || cd -P -- "$2" 2>/dev/null || { printf "\036$1 directory\037"; exit; }
(
  file=$3 found=
  case $file in
    */*) set -- "$file" ;;
    *) set -f; IFS=:; path=$PATH:; set --; for folder in $path; do set -- "$@" "${folder:-.}/$file"; done ;;
  esac
  for path in "$@"; do
    [ -d "$path" ] || { [ -x "$path" ] && exit 0; }
    [ -e "$path" ] && found=1
  done
  [ "$found" ] && exit 1
  exit 2
)
case $? in
  0) printf "\036$1 $$\037" ;;
  1) printf "\036$1 denied\037"; exit ;;
  *) printf "\036$1 missing\037"; exit ;;
esac
shift 2
exec "$@"
"#;

/// The command line of a process that says `hello`, with its process id or a [`refusal`], on
/// stdout, and becomes `file`, in the directory `cwd` or else the container's.
pub fn program(hello: &Token, cwd: &str, file: &str, args: &[String]) -> Vec<String> {
    let mut command = arguments(PROGRAM.into(), [&hello.to_string(), cwd, file]);
    command.extend_from_slice(args);
    command
}

/// Why a program wasn't run, if that is what its hello says.
pub fn refusal(payload: &str) -> Option<&'static str> {
    match payload {
        "directory" => Some("there is no such working directory, or no right to it"),
        "denied" => Some("it's no file that may be executed"),
        "missing" => Some("there is no such file"),
        _ => None,
    }
}

/// Where the letter box of process `pid` is read.
pub fn letters(pid: &str) -> String {
    format!("/proc/{pid}/fd/0")
}

fn arguments<const N: usize>(text: String, rest: [&str; N]) -> Vec<String> {
    let first = ["/bin/sh".into(), "-c".into(), text, "docker-exec".into()];
    first.into_iter().chain(rest.map(Into::into)).collect()
}

/// What is typed into a terminal to have it execute the next letters up to `end`: short,
/// since a terminal takes some 4,000 characters of a line.
pub fn typed(letters: &str, end: &Token) -> String {
    format!(
        " \\command eval \"$(while IFS= \\command read -r l&&[ \"$l\" != {end} ];\
         do \\command printf '%s\\n' \"$l\";done<{letters})\"\n"
    )
}

/// Where and how a shell reports.
#[derive(Debug, Clone)]
pub struct Reports {
    /// The descriptors of the process that said hello.
    fd: String,
    /// It's a shell with a prompt, on a terminal.
    prompt: bool,
}

impl Reports {
    /// `pid` as the hello reported it.
    pub fn of(pid: &str, prompt: bool) -> Self {
        Self {
            fd: format!("/proc/{pid}/fd"),
            prompt,
        }
    }
}

/// Asks the supervisor for a shell, under a nonce that no command sees.
pub fn fresh_shell(nonce: &Token) -> String {
    format!("#@{nonce}\n")
}

/// What a report says that comes with the prompt.
pub const PROMPT: &str = "prompt ";

/// Has each prompt report once more, for the command last begun: a prompt without its
/// command's own report means that ^C (or an error) has brought the shell back to it.
const PROMPTS: &str = r#"PS1="${BASH_VERSION:+\[}$(printf '\036')\$DOCKER_EXEC prompt \$?$(printf '\037')${BASH_VERSION:+\]}$PS1";"#;

/// What a shell reports with. `__dx TOKEN` prints the mark of the command before it, with that
/// one's exit code and the shell's option flags; functions, since a shell reads what it's sent
/// byte by byte.
///
/// In busybox an error of the shell's own in a subshell (`${x:?}`, no process to be had) brings
/// the subshell here, behind the `eval` of its shell. So where the exit code isn't 0, the
/// process is looked at. One that isn't the shell reports nothing, and exits, as it would have.
const REPORT: &str = r#"__dx(){ \command set -- "$1" "$?"
case $2 in 0);;*)IFS=' ' \command read -r DOCKER_EXEC_P DOCKER_EXEC_R</proc/self/stat
case $DOCKER_EXEC_P in $$)\command unset DOCKER_EXEC_P DOCKER_EXEC_R;;*)DOCKER_EXEC_C=$2;return 1;;esac;;esac
\command printf '\036%s %s\037' "$1" "$2 $-">{fd}/8;\command printf '\036%s\037' "$1">{fd}/9;}
__dxit(){ case ${DOCKER_EXEC_C-} in ?*)\command exit "$DOCKER_EXEC_C";;esac;}
"#;

/// The first lines of a shell: gives up the descriptor its script came on (the shell has
/// its own by now), and reports its process id.
pub fn first_line(token: &Token, reports: &Reports) -> String {
    let Reports { fd, prompt } = reports;
    let begin = match prompt {
        true => format!("DOCKER_EXEC={token};{PROMPTS}"),
        false => "exec 3<&-;".into(),
    };
    let report = REPORT.replace("{fd}", fd);
    format!(
        "{begin}{{ printf '\\036{token} %s\\037' $$>{fd}/8;printf '\\036{token}\\037'>{fd}/9;}}\n\
         {report}"
    )
}

/// One command, as one line (if with quoted newlines in it).
///
/// `\command eval` keeps a syntax error from ending dash, and passes over functions and
/// aliases of these names. The report can't be seen in the command's output: the typed
/// text has no control characters, and its trace goes to /dev/null. Only a shell that has
/// ended, is stopped, or doesn't execute what it reads (`set -n`) leaves it out.
pub fn line(command: &str, token: &Token, reports: &Reports) -> String {
    let mut line = String::with_capacity(command.len() + 256);
    if reports.prompt {
        line.push_str(&format!("DOCKER_EXEC={token};"));
    }
    line.push_str("\\command eval ");
    quote(command, &mut line);
    line.push_str(&format!(";{{ __dx {token};}}>/dev/null 2>&1||__dxit\n"));
    line
}

/// Prints the jobs in the background, then (after their length) the machine's uptime, the
/// exported variables and the directory, in the shell's own quoting; both between `{frame}`,
/// since jobs print into the same stream.
const SNAPSHOT: &str = r#"\command echo {frame}; \command jobs -p; \command echo {frame}
(\command read -r up idle </proc/uptime; \command export DOCKER_EXEC_PWD="$PWD"
all="$up
$(\command export -p)"; \command printf '%s' "{frame}${#all} ${all}{frame}")"#;

/// Has the shell print its [`Snapshot`], framed by `frame`.
pub fn snapshot(frame: &Token, token: &Token, reports: &Reports) -> String {
    line(
        &SNAPSHOT.replace("{frame}", &frame.to_string()),
        token,
        reports,
    )
}

/// A shell before a command that may have to be ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// Process ids of its jobs, each between spaces.
    pub jobs: String,
    /// The machine's uptime, in hundredths of a second.
    pub uptime: u64,
    /// The command that brings exported variables and directory back, in a shell of the
    /// same kind.
    pub restore: String,
}

impl Snapshot {
    /// What the shell printed, and what was printed beside it. There is no snapshot where
    /// something else came in between: what is restored is executed.
    pub fn read(text: &str, frame: &Token) -> (Option<Self>, String) {
        let parts: Vec<&str> = text.split(&frame.to_string()).collect();
        let &[before, jobs, between, state, after] = &parts[..] else {
            return (None, parts.concat());
        };
        let mine = |line: &&str| line.bytes().all(|byte| byte.is_ascii_digit());
        let (jobs, others): (Vec<&str>, Vec<&str>) = jobs.trim().split('\n').partition(mine);
        let beside = [
            before,
            &others.join("\n"),
            between.trim_start_matches('\n'),
            after,
        ]
        .concat();
        let snapshot = Self::of(&jobs.join(" "), state);
        (snapshot, beside)
    }

    fn of(jobs: &str, state: &str) -> Option<Self> {
        let (length, state) = state.split_once(' ')?;
        let length: usize = length.parse().ok()?;
        // Shells count bytes, or characters of their locale.
        if length != state.len() && length != state.chars().count() {
            return None;
        }
        let (uptime, variables) = state.split_once('\n')?;
        Some(Self {
            jobs: format!(" {jobs} "),
            uptime: hundredths(uptime)?,
            restore: bring_back(variables),
        })
    }
}

/// The first number of `/proc/uptime`, which has two decimals.
pub fn hundredths(uptime: &str) -> Option<u64> {
    uptime.trim().replace('.', "").parse().ok()
}

fn bring_back(variables: &str) -> String {
    format!("{variables}\n\\command cd -- \"$DOCKER_EXEC_PWD\"; \\command unset DOCKER_EXEC_PWD")
}

/// The command with its stdin from a path.
pub fn with_stdin(command: &str, path: &str) -> String {
    let mut text = String::from("{ \\command eval ");
    quote(command, &mut text);
    text.push_str(&format!("; }} <{path}"));
    text
}

/// Turns tracing and echoing off, so that the next line isn't shown in the command's
/// output. Its own echo is.
pub fn hush(token: &Token, reports: &Reports) -> String {
    let Reports { fd, .. } = reports;
    format!(
        "{{ \\command set +xv;\\command printf '\\036{token}\\037'>{fd}/8;\
         \\command printf '\\036{token}\\037'>{fd}/9;}} 2>/dev/null\n"
    )
}

/// Appends `text` as one shell word that stands for exactly it.
fn quote(text: &str, line: &mut String) {
    line.push('\'');
    for (i, part) in text.split('\'').enumerate() {
        if i > 0 {
            line.push_str(r"'\''");
        }
        line.push_str(part);
    }
    line.push('\'');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snapshot_is_taken_whole_or_not_at_all() {
        let frame = Token::fresh();
        let text = |inserted: &str| {
            format!("a{frame}\n12\nx\n34\n{frame}\nb{frame}16 5.25\n{inserted}export A='1{frame}c")
        };
        let (snapshot, beside) = Snapshot::read(&text(""), &frame);
        let snapshot = snapshot.expect("a snapshot");
        assert_eq!((snapshot.jobs.as_str(), snapshot.uptime), (" 12 34 ", 525));
        assert!(snapshot.restore.starts_with("export A='1\n"));
        assert_eq!(beside, "axbc");
        assert_eq!(Snapshot::read(&text("rm x\n"), &frame).0, None);
        assert_eq!(Snapshot::read("nothing", &frame), (None, "nothing".into()));
    }

    #[test]
    fn a_typed_line_holds_no_mark() {
        let line = line("echo 'it'", &Token::fresh(), &Reports::of("7", false));
        assert!(!line.bytes().any(|b| b == 0x1e || b == 0x1f));
        assert!(line.starts_with(r"\command eval 'echo '\''it'\''';{ "));
        assert!(line.ends_with('\n'));
    }
}
