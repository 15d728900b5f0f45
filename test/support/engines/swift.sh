#!/usr/bin/env bash
# Swift with s3api for tests, on a free port of 127.0.0.1: one proxy, and one server each of accounts, containers and
# objects. As an S3 engine it refuses conditional writes (501).
#
#   swift.sh up DIR                     returns when the proxy answers, and has a bucket
#   swift.sh kill|pause|resume DIR      SIGKILL, SIGSTOP, SIGCONT for the proxy; what it stored stays
#   swift.sh restart DIR                kills the proxy if it runs, and starts it
#   swift.sh down DIR                   ends all of it, and removes the folder
#
# ENGINE_OWNER=PID: it is ended when that process is over.
source "$(dirname "$(realpath "$0")")/processes.sh"
source "$scripts/s3-facts.sh"

up() {
  local ports account container object port cache kind
  mapfile -t ports < <(free_ports 5)
  account=${ports[0]} container=${ports[1]} object=${ports[2]} port=${ports[3]} cache=${ports[4]}
  mkdir -p "$dir"/{etc,devices/one}
  printf '%s\n' '[swift-hash]' 'swift_hash_path_suffix = any' >"$dir/etc/swift.conf"
  rings "$account" "$container" "$object"
  for kind in account container object; do
    server "$kind" "${!kind}" >"$dir/etc/$kind.conf"
    spawn "$kind" "swift-$kind-server" "$dir/etc/$kind.conf" --verbose
  done
  # Without it nobody is let in.
  spawn cache memcached -l 127.0.0.1 -p "$cache" -u "$(id -un)" -m 32
  proxy "$port" "$cache" >"$dir/etc/proxy.conf"
  spawn proxy swift-proxy-server "$dir/etc/proxy.conf" --verbose
  # All of them: the proxy would answer without the others, and refuse for a while to ask one that it has missed.
  for kind in account container object; do await "$kind" answers "${!kind}"; done
  await proxy answers "$port"
  say_s3_facts "$port" test:tester testing
}

# rings ACCOUNT CONTAINER OBJECT, by their ports: where each kind of thing is, which is on the one device. By the library
# of swift-ring-builder, which would be started nine times.
rings() {
  /usr/bin/python3 - "$dir/etc" "$@" <<'RINGS'
import sys
from swift.common.ring import RingBuilder

for kind, port in zip(('account', 'container', 'object'), sys.argv[2:]):
    builder = RingBuilder(part_power=4, replicas=1, min_part_hours=0)
    here = {'ip': '127.0.0.1', 'port': int(port)}
    builder.add_dev({**here, 'replication_ip': here['ip'], 'replication_port': here['port'],
                     'region': 1, 'zone': 1, 'device': 'one', 'weight': 1.0})
    builder.rebalance()
    builder.get_ring().save(f'{sys.argv[1]}/{kind}.ring.gz')
RINGS
}

common() {
  cat <<CONFIGURATION
[DEFAULT]
bind_ip = 127.0.0.1
bind_port = $1
user = $(id -un)
swift_dir = $dir/etc
# No other process than the one that is started.
workers = 0
CONFIGURATION
}

server() {
  common "$2"
  cat <<CONFIGURATION
devices = $dir/devices
mount_check = false
[pipeline:main]
pipeline = $1-server
[app:$1-server]
use = egg:swift#$1
CONFIGURATION
}

proxy() {
  common "$1"
  cat <<CONFIGURATION
[pipeline:main]
pipeline = catch_errors cache listing_formats s3api tempauth copy slo proxy-server
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
[filter:catch_errors]
use = egg:swift#catch_errors
[filter:cache]
use = egg:swift#memcache
memcache_servers = 127.0.0.1:$2
[filter:listing_formats]
use = egg:swift#listing_formats
[filter:s3api]
use = egg:swift#s3api
location = us-east-1
[filter:tempauth]
use = egg:swift#tempauth
user_test_tester = testing .admin
[filter:copy]
use = egg:swift#copy
[filter:slo]
use = egg:swift#slo
CONFIGURATION
}

restart() {
  end proxy
  respawn proxy
  await proxy answers "$(port_of_facts)"
}

run proxy "$@"
