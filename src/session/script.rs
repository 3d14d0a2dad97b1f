//! Every byte of shell that a session sends: the leash it starts from, and the one line
//! of a command. Plain POSIX sh; tried on bash, dash and busybox ash.

use uuid::Uuid;

/// The longest command, in bytes. A shell takes 10 MB in seconds; beyond this bound a
/// file is the better way in.
pub const MAX_COMMAND: usize = 16 * 1024 * 1024;

/// The main process of a container, or of anything else that holds a session.
///
/// - `cat` is the leash: when the client goes away, in whatever way, it sees the end of
///   its input and ends the main process, and so the container.
/// - The loop is the supervisor: it reads a nonce, gives the rest of the input to a shell
///   as its script (on descriptor 3, so that commands have an empty stdin), and reports
///   with that nonce when the shell has ended. Lines that are no nonce belonged to a dead
///   shell and are skipped.
/// - Descriptors 8 and 9 are the streams themselves, whatever a command does to its own;
///   only these two processes hold them.
/// - A command may signal its process group or its parent: what holds the session ignores
///   that, and hands default dispositions on (an ignored signal would be inherited).
const LEASH: &str = r#"
exec 8>&1 9>&2 2>/dev/null
trap : HUP INT QUIT TERM
fail() { printf '%s' "$1" >&9; exit 126; }
report() { printf "\036$1 $2\037" >&8; printf "\036$1\037" >&9; }
command -v cat >/dev/null || fail 'it has no cat'
[ -r /proc/$$/fd/0 ] || fail 'it has no /proc'
[ -c /dev/null ] || fail 'it has no /dev/null'
shell=$1
[ "$shell" ] || { shell=/bin/sh; command -v bash >/dev/null && shell=bash; }
command -v "$shell" >/dev/null || fail "it has no $shell"
report "$2" $$
{ trap '' HUP INT QUIT TERM; cat; kill -9 $$; } | {
  trap : HUP INT QUIT TERM
  while IFS= read -r nonce; do
    case $nonce in
      '#@'????????-????-????-????-????????????) nonce=${nonce#??} ;;
      *) continue ;;
    esac
    (exec "$shell" /dev/fd/3 3<&0 </dev/null 2>&9 8>&- 9>&-)
    report "$nonce" $?
  done
}
"#;

/// The command line of the main process. `shell` is a path or a name, or empty for bash
/// where there is one and sh elsewhere. With `hello` it reports its process id.
pub fn leash(shell: &str, hello: &Uuid) -> Vec<String> {
    ["/bin/sh", "-c", LEASH, "leash", shell, &hello.to_string()]
        .map(Into::into)
        .into()
}

/// Where a shell reports: the descriptors of the process that said hello.
#[derive(Debug, Clone)]
pub struct Reports(String);

impl Reports {
    /// `pid` as the hello reported it.
    pub fn of(pid: &str) -> Self {
        Self(format!("/proc/{pid}/fd"))
    }
}

/// Asks the supervisor for a shell, under a nonce that no command sees.
pub fn fresh_shell(nonce: &Uuid) -> String {
    format!("#@{nonce}\n")
}

/// The first line of a shell: gives up the descriptor its script came on (the shell has
/// its own by now), and reports its process id.
pub fn first_line(token: &Uuid, reports: &Reports) -> String {
    let Reports(fd) = reports;
    format!(
        "exec 3<&-;{{ printf '\\036{token} %s\\037' $$>{fd}/8;printf '\\036{token}\\037'>{fd}/9;}}\n"
    )
}

/// One command, as one line (if with quoted newlines in it).
///
/// `\command eval` keeps a syntax error from ending dash, and passes over functions and
/// aliases of these names. The report can't be seen in the command's output: the typed
/// text has no control characters, and its trace goes to /dev/null. It says the exit code
/// and the shell's option flags. Only a shell that has ended, is stopped, or doesn't
/// execute what it reads (`set -n`) leaves it out.
pub fn line(command: &str, token: &Uuid, reports: &Reports) -> String {
    let Reports(fd) = reports;
    let mut line = String::with_capacity(command.len() + 256);
    line.push_str("\\command eval ");
    quote(command, &mut line);
    line.push_str(&format!(
        ";{{ \\command printf '\\036{token} %s\\037' \"$? $-\">{fd}/8;\
         \\command printf '\\036{token}\\037'>{fd}/9;}}>/dev/null 2>&1\n"
    ));
    line
}

/// Turns tracing and echoing off, so that the next line isn't shown in the command's
/// output. Its own echo is.
pub fn hush(token: &Uuid, reports: &Reports) -> String {
    let Reports(fd) = reports;
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
    fn a_typed_line_holds_no_mark() {
        let line = line("echo 'it'", &Uuid::new_v4(), &Reports::of("7"));
        assert!(!line.bytes().any(|b| b == 0x1e || b == 0x1f));
        assert!(line.starts_with(r"\command eval 'echo '\''it'\''';{ "));
        assert!(line.ends_with('\n'));
    }
}
