#!/usr/bin/env bash
# PostgreSQL for tests, on a free port of 127.0.0.1. It knows nothing of the clusters of the system.
#
#   postgres.sh up DIR [SETTING=VALUE]...   e.g. fsync=on max_connections=5; returns when it answers
#   postgres.sh kill|pause|resume DIR       SIGKILL, SIGSTOP, SIGCONT for it and all its backends
#   postgres.sh restart DIR                 shuts it down in good order unless it was killed, and starts it
#   postgres.sh down DIR                    ends it, and removes the folder
#
# ENGINE_OWNER=PID: it is ended when that process is over.
source "$(dirname "$(realpath "$0")")/processes.sh"

# PostgreSQL refuses to be root. Its package brings a user.
unprivileged=()
((EUID != 0)) || unprivileged=(setpriv --reuid=postgres --regid=postgres --clear-groups)

up() {
  local bin port setting
  bin=$(printf '%s\n' /usr/lib/postgresql/*/bin | sort -V | tail -n 1)
  port=$(free_ports 1)
  # Its user must get to its own folder, which is within this one.
  chmod 711 "$dir"
  install -d -m 700 "$dir/data"
  ((EUID != 0)) || chown postgres: "$dir/data"
  # A language's order, as most databases have one: who wants the order of bytes must say so.
  "${unprivileged[@]}" "$bin/initdb" -D "$dir/data" -U sluice -A trust -E UTF8 --locale=C.UTF-8 \
    --locale-provider=icu --icu-locale=en --no-sync --no-instructions >"$dir/log/initdb.out"
  # A killed process loses nothing that was written, synced or not: only a power failure would. The shared memory is in
  # a file of the folder, so that it goes with it.
  cat >>"$dir/data/postgresql.conf" <<SETTINGS
listen_addresses = '127.0.0.1'
port = $port
unix_socket_directories = ''
fsync = off
full_page_writes = off
shared_buffers = 32MB
dynamic_shared_memory_type = mmap
max_wal_size = 128MB
jit = off
SETTINGS
  for setting in "$@"; do echo "${setting%%=*} = '${setting#*=}'"; done >>"$dir/data/postgresql.conf"
  spawn postgres "${unprivileged[@]}" "$bin/postgres" -D "$dir/data"
  await postgres is_ready
  say_facts <<FACTS
{ "url": "postgres://sluice@127.0.0.1:$port/postgres", "port": $port, "bin": "$bin" }
FACTS
}

# It says so in the last line of a file whose first one is its pid: one that was killed leaves its own there.
is_ready() {
  local pid said=()
  pid=$(pid_of postgres) && mapfile -t said 2>/dev/null <"$dir/data/postmaster.pid" || return 1
  [[ ${said[0]:-} == "$pid" && ${said[7]:-} == ready* ]]
}

restart() {
  local pid
  if pid=$(pid_of postgres); then
    signal CONT postgres
    kill -INT "$pid"
    until_true is_over postgres
  else
    # Where the first process of a container reaps nobody, the killed one still has its pid, and counts as living.
    left_behind
    rm -f "$dir/data/postmaster.pid"
  fi
  respawn postgres
  await postgres is_ready
}

# A segment of shared memory by which a second server on the same data is noticed. One that was killed cannot free it.
left_behind() {
  local segment
  segment=$(awk 'NR == 7 { print $2 }' "$dir/data/postmaster.pid" 2>/dev/null) || return 0
  [[ -z $segment ]] || ipcrm -m "$segment" 2>/dev/null || true
}

run postgres "$@"
