# shellcheck shell=bash
# What the scripts share: messages, packages, ports and the engine's whereabouts.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
target=$root/target

# Debian leaves these out of an ordinary user's PATH; dockerd, ip and iptables live there.
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin

say() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }
die() { say "$@"; exit 1; }
have() { command -v "$1" >/dev/null 2>&1; }

# install PACKAGE...: from the distribution, as root.
install() {
  local packages="$*"
  have apt-get || die "needs $packages; install them with your distribution's package manager and run this again"
  [ "$(id -u)" = 0 ] || die "needs $packages; run 'sudo apt-get install --no-install-recommends $packages', then this again"
  say "installing $packages"
  apt_lists
  # A script of ours starts what it needs itself, so no service has to start here.
  DEBIAN_FRONTEND=noninteractive apt-get -qq -y -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 \
    install --no-install-recommends "$@" </dev/null >"$target/apt.log" 2>&1 ||
    { tail -n 20 "$target/apt.log" >&2; die "apt-get could not install $packages (the whole log: $target/apt.log)"; }
}

# Fresh package lists, once per script.
apt_lists() {
  [ -z "${apt_lists_done:-}" ] || return 0
  mkdir -p "$target"
  apt-get -qq -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 update </dev/null >"$target/apt.log" 2>&1 ||
    { tail -n 20 "$target/apt.log" >&2; die "apt-get update failed (the whole log: $target/apt.log)"; }
  apt_lists_done=yes
}

listening() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# free_port FIRST: the first port from FIRST on that nobody listens on.
free_port() {
  local port
  for ((port = $1; port < $1 + 100; port++)); do
    listening "$port" || { echo "$port"; return; }
  done
  die "ports $1 to $((port - 1)) are all taken"
}

# ours PIDFILE WORDS: the pid in the file, if that process runs and has the words in
# its command line. A pid file outlives its process, and pids are used again.
ours() {
  local pid=''
  read -r pid 2>/dev/null <"$1" || [ -n "$pid" ] || return 1
  [[ $(command_line "$pid") == *"$2"* ]] && echo "$pid"
}

command_line() { { tr '\0' ' ' <"/proc/$1/cmdline"; } 2>/dev/null || true; }

# running WORDS: the pids of the processes that have the words in their command line.
running() {
  local folder
  for folder in /proc/[0-9]*; do
    [[ $(command_line "${folder#/proc/}") != *"$1"* ]] || echo "${folder#/proc/}"
  done
}

# wait_for SECONDS COMMAND...: until the command succeeds.
wait_for() {
  local tries=$(($1 * 20))
  shift
  until "$@"; do
    ((tries-- > 0)) || return 1
    sleep 0.05
  done
}

gone() { ! kill -0 "$1" 2>/dev/null; }

# end PID SECONDS: asks, waits, insists.
end() {
  kill "$1" 2>/dev/null || return 0
  wait_for "$2" gone "$1" || { kill -KILL "$1" 2>/dev/null || true; wait_for 5 gone "$1" || true; }
}

# What the package is built with. Debian has a linker in gcc; rustup brings none.
need_toolchain() {
  local tool sudo="as root by sudo, keep the PATH: sudo env \"PATH=\$PATH\" npm run …"
  for tool in node npm cargo; do
    have "$tool" || die "needs $tool: install Node.js 20 or later with npm, and a Rust toolchain ($sudo)"
  done
  node -e 'process.exit(parseInt(process.versions.node) < 20 ? 1 : 0)' ||
    die "needs Node.js 20 or later; this is $(node --version)"
  have cc || install gcc libc6-dev
  mkdir -p "$target"
}

# node_modules as package-lock.json says.
need_modules() {
  if [ ! node_modules/.package-lock.json -nt package-lock.json ]; then
    npm ci --no-audit --no-fund
    touch node_modules/.package-lock.json
  fi
}

# The addon as the sources say. Cargo alone would know too, but napi's command compiles
# the crate anew each time.
need_addon() {
  local stamp=$target/addon-built
  if [ ! -f "$stamp" ] || [ ! -f native.js ] || ! compgen -G '*.node' >/dev/null ||
    [ -n "$(find src build.rs Cargo.toml Cargo.lock package.json package-lock.json -newer "$stamp")" ]; then
    touch "$stamp.new"
    npm run build
    mv "$stamp.new" "$stamp"
  fi
}

# stage NAME COMMAND...: runs it, says how it went and how long it took, and notes a
# failure in $failed. The next stage runs all the same.
failed=()
summary=()
stage() {
  local name=$1 began=$SECONDS code=0 line
  shift
  printf '\n=== %s\n' "$name"
  set +e
  (set -e; "$@")
  code=$?
  set -e
  line="$name: ok"
  if [ "$code" != 0 ]; then
    failed+=("$name")
    line="$name: FAILED (exit code $code)"
  fi
  line+=", $((SECONDS - began)) s"
  summary+=("$line")
  printf '=== %s\n' "$line"
}

# The stages once more, and the end: fails if one of them did.
finish() {
  printf '\n%s: %s s in all\n' "${0##*/}" "$SECONDS"
  printf '  %s\n' "${summary[@]}"
  [ ${#failed[@]} = 0 ] || exit 1
}
