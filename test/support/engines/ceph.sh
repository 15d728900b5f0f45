#!/usr/bin/env bash
# Ceph's S3 gateway for tests, on a free port of 127.0.0.1: one monitor, one store of objects in memory, one gateway.
#
#   ceph.sh up DIR                      returns when the gateway answers, and has a bucket
#   ceph.sh kill|pause|resume DIR       SIGKILL, SIGSTOP, SIGCONT for the gateway; what it stored stays
#   ceph.sh restart DIR                 kills the gateway if it runs, and starts it
#   ceph.sh down DIR                    ends all of it, and removes the folder
#
# ENGINE_OWNER=PID: it is ended when that process is over.
source "$(dirname "$(realpath "$0")")/processes.sh"
source "$scripts/s3-facts.sh"

up() {
  local ports monitor port id osd
  mapfile -t ports < <(free_ports 2)
  monitor=${ports[0]} port=${ports[1]} id=$(</proc/sys/kernel/random/uuid) osd=$(</proc/sys/kernel/random/uuid)
  mkdir -p "$dir"/{run,crash,mon,osd}
  touch "$dir/keyring"
  configuration "$id" "$monitor" >"$dir/ceph.conf"

  # The monitor is not on its usual port, so it must be told by a map where it is itself.
  monmaptool --create --fsid "$id" --addv a "[v2:127.0.0.1:$monitor]" "$dir/monmap" >"$dir/log/monmap.out"
  ceph-mon -c "$dir/ceph.conf" -i a --mkfs --monmap "$dir/monmap" >"$dir/log/mkfs.out" 2>&1
  spawn mon ceph-mon -c "$dir/ceph.conf" -i a -f
  [[ $(timeout 90 ceph -c "$dir/ceph.conf" osd new "$osd" 2>>"$dir/log/ceph.out") == 0 ]]
  ceph-osd -c "$dir/ceph.conf" -i 0 --mkfs --osd-uuid "$osd" >>"$dir/log/mkfs.out" 2>&1
  spawn osd ceph-osd -c "$dir/ceph.conf" -i 0 -f
  # Who asks before waits for a timer of five seconds.
  await osd grep -qs 'state: booting -> active' "$dir/log/osd.0.log"
  timeout 90 radosgw-admin -c "$dir/ceph.conf" -n client.admin user create --uid=test --display-name=test \
    --access-key=testkey --secret=testsecret >"$dir/log/user.out" 2>&1
  # Without tcp_nodelay the head of each short answer waits for its acknowledgement, 40 ms, before the body follows.
  spawn gateway radosgw -c "$dir/ceph.conf" -n client.gateway -f \
    --rgw-frontends="beast endpoint=127.0.0.1:$port tcp_nodelay=1"
  await gateway answers "$port"
  say_s3_facts "$port" testkey testsecret
}

# configuration ID PORT: of all daemons. Nothing is asked of /etc or /var, and nobody proves who he is.
configuration() {
  cat <<CONFIGURATION
[global]
fsid = $1
mon host = [v2:127.0.0.1:$2]
mon initial members = a
public addr = 127.0.0.1
auth cluster required = none
auth service required = none
auth client required = none
# The gateway would have it encrypted, which cannot be where nobody has a key.
ms mon client mode = crc
mon client hunt interval = 0.5
keyring = $dir/keyring
run dir = $dir/run
admin socket =
crash dir = $dir/crash
log file = $dir/log/\$name.log
# One copy, which is all that there is.
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 4
osd pool default pgp num = 4
osd pool default pg autoscale mode = off
mon allow pool size one = true
mon max pg per osd = 2000
osd crush chooseleaf type = 0
[mon]
mon data = $dir/mon
mon cluster log file = $dir/log/cluster.log
# A disk that is nearly full is no reason to refuse what is kept in memory.
mon data avail warn = 2
mon data avail crit = 1
paxos propose interval = 0.05
[osd]
osd data = $dir/osd
osd objectstore = memstore
memstore device bytes = 4294967296
# Keys of 1,024 bytes get longer when they are quoted.
osd max object name len = 2048
osd op num shards = 2
[client]
rgw num rados handles = 1
rgw thread pool size = 64
rgw dynamic resharding = false
rgw override bucket index max shards = 1
# What is deleted is gone within seconds, rather than within two hours: memory is small, and readers of it are tested.
rgw gc max objs = 4
rgw gc obj min wait = 2
rgw gc processor period = 5
rgw gc processor max time = 5
CONFIGURATION
}

restart() {
  # In good order it would wait five seconds for whoever is connected.
  end gateway
  respawn gateway
  await gateway answers "$(port_of_facts)"
}

run gateway "$@"
