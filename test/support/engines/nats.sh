#!/usr/bin/env bash
# A server of NATS with JetStream for tests, on a free port of 127.0.0.1.
#
#   nats.sh up DIR [ARGUMENT]...        e.g. --auth=token; returns when it answers
#   nats.sh kill|pause|resume DIR       SIGKILL, SIGSTOP, SIGCONT
#   nats.sh restart DIR                 kills it if it runs, and starts it on the same port
#   nats.sh down DIR                    ends it, and removes the folder
#
# ENGINE_OWNER=PID: it is ended when that process is over.
source "$(dirname "$(realpath "$0")")/processes.sh"

up() {
  local port
  port=$(free_ports 1)
  spawn nats nats-server --addr 127.0.0.1 --port "$port" --jetstream --store_dir "$dir/data" "$@"
  echo "$port" >"$dir/port"
  await nats is_ready
  say_facts <<FACTS
{ "url": "nats://127.0.0.1:$port", "port": $port }
FACTS
}

# It speaks first, and accepts connections only once its streams are there.
is_ready() {
  local hello
  { read -r -t 5 hello <"/dev/tcp/127.0.0.1/$(<"$dir/port")"; } 2>/dev/null && [[ $hello == INFO* ]]
}

restart() {
  signal CONT nats
  end nats
  respawn nats
  await nats is_ready
}

run nats "$@"
