# What the engines' scripts share: processes that are started, found again, stopped and ended by name. Sourced, not run.
#
# A folder has all of an engine: `processes/NAME` with the pid of a process and when it began (a pid alone may be
# another's by now), `processes/NAME.command`, `log/` and, once it answers, `facts.json`.
set -euo pipefail
scripts=$(dirname "$(realpath "${BASH_SOURCE[0]}")")

# When a process began, in ticks since boot; fails when it is over, or but a zombie.
began() {
  local stat fields
  { read -r stat <"/proc/$1/stat"; } 2>/dev/null || return 1
  read -ra fields <<<"${stat##*) }"
  [[ ${fields[0]} != [ZX] ]] && echo "${fields[19]}"
}

# The pid of the process of that name; fails when it is over.
pid_of() {
  local pid since
  read -r pid since 2>/dev/null <"$dir/processes/$1" && [[ $(began "$pid") == "$since" ]] && echo "$pid"
}

# A process and all below it. Its group would not do: each backend of PostgreSQL has one of its own.
tree_of() {
  local child
  echo "$1"
  for child in $(cat "/proc/$1"/task/*/children 2>/dev/null); do tree_of "$child"; done
}

# spawn NAME COMMAND...: in a session of its own, so that no Ctrl-C of a terminal reaches it, and without the lock.
spawn() {
  local name=$1 pid
  shift
  printf '%q ' "$@" >"$dir/processes/$name.command"
  setsid "$@" >>"$dir/log/$name.out" 2>&1 </dev/null 9>&- &
  pid=$!
  disown
  echo "$pid $(began "$pid")" >"$dir/processes/$name"
}

respawn() {
  local command
  command=$(<"$dir/processes/$1.command")
  eval "spawn $1 $command"
}

# signal SIGNAL NAME: to the process and all below it. It is stopped before, so that it starts none meanwhile.
signal() {
  local pid
  pid=$(pid_of "$2") || return 0
  kill -STOP "$pid" 2>/dev/null || return 0
  until_true is_stopped "$pid"
  # shellcheck disable=SC2046
  kill "-$1" $(tree_of "$pid") 2>/dev/null || true
}

# A signal is on its way for a moment.
pause() {
  local pid
  signal STOP "$1"
  for pid in $(tree_of "$(pid_of "$1")"); do until_true is_stopped "$pid"; done
}
is_stopped() {
  local stat
  { read -r stat <"/proc/$1/stat"; } 2>/dev/null || return 0
  [[ ${stat##*) } == [TZX]* ]]
}

# until_true COMMAND...: waits for that; what it waited for is said when it does not come.
until_true() {
  local end=$((SECONDS + 90))
  until "$@"; do
    ((SECONDS < end)) || { echo "waited in vain for: $*" >&2; return 1; }
    sleep 0.02
  done
}
is_over() { ! pid_of "$1" >/dev/null; }
has_ended() { ! began "$1" >/dev/null; }

# await NAME COMMAND...: waits for that, as long as the process lives.
await() {
  local name=$1
  shift
  until_true is_true_or_over "$name" "$@"
  "$@"
}
is_true_or_over() {
  local name=$1
  shift
  "$@" || is_over "$name"
}

# The processes below it too are gone by then: they were killed in the same moment, and it is the one that reaps them.
end() {
  local pids
  pids=$(pid_of "$1") || return 0
  pids=$(tree_of "$pids")
  signal KILL "$1"
  for pid in $pids; do until_true has_ended "$pid"; done
}
names() { (cd "$dir/processes" 2>/dev/null && for name in *.command; do [[ -e $name ]] && echo "${name%.command}"; done) || true; }

# free_ports COUNT: below the range that the system gives to whoever asks for any, so that nobody has got one of them
# before the engine listens, nor while it is down.
free_ports() { node "$scripts/free-ports.mjs" "$1"; }

# Writes the facts, which are the sign that the engine answers: all of them or none.
say_facts() {
  cat >"$dir/facts.json.tmp"
  mv "$dir/facts.json.tmp" "$dir/facts.json"
}

# Ends the engine when its owner (a pid) is over without having done so, as a killed test run is.
guard() {
  spawn guard bash -c 'tail --pid="$1" -f /dev/null; exec "$0" down "$2"' "$(realpath "$0")" "$1" "$dir"
}

down() {
  local name
  for name in $(names); do
    # The guard itself may be the one that calls this.
    [[ $(pid_of "$name") == "$$" ]] || end "$name"
  done
  left_behind
  rm -rf "$dir"
}
# What an engine keeps outside its folder.
left_behind() { :; }

# Runs that in a shell of its own, which ends where it fails. Then what the engine has said is told, and one that did
# not come up is ended.
attempt() {
  local code
  set +e
  (
    set -e
    "$@"
  )
  code=$?
  set -e
  ((code == 0)) && return
  tail -n 20 "$dir"/log/* >&2
  [[ -e $dir/facts.json ]] || down
  exit "$code"
}

# run FRONT COMMAND DIR ARGUMENTS...: FRONT is the process that clients speak to, which the faults are for.
run() {
  local front=$1 command=$2
  dir=$(realpath -m "$3")
  shift 3
  [[ $command == up ]] && mkdir -p "$dir"
  [[ -d $dir ]] || { echo "nothing is in $dir" >&2; [[ $command == down ]]; return; }
  # One at a time, so that of many who start the same engine the first does, and the others find it.
  exec 9>"$dir/lock"
  flock 9
  case $command in
    up)
      [[ -e $dir/facts.json ]] && return
      mkdir -p "$dir"/{processes,log}
      [[ -z ${ENGINE_OWNER:-} ]] || guard "$ENGINE_OWNER"
      attempt up "$@"
      ;;
    down) down ;;
    kill) end "$front" ;;
    pause) pause "$front" ;;
    resume) signal CONT "$front" ;;
    restart) attempt restart ;;
    *) echo "unknown: $command" >&2; return 2 ;;
  esac
}
