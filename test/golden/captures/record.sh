#!/usr/bin/env bash
# Records the captures of this folder anew, from real programs on the loopback: all of them, or those named.
#
#   sudo test/golden/captures/record.sh [--no-install] [dns tls …]
#
# For Debian, as root, after `npm ci`. Everything runs in namespaces of its own: no network but a loopback, the
# hostname "sluice", and when the script ends every server it started ends with it. What it writes lies in a temporary
# folder.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
repo=$(cd "$here/../../.." && pwd)
peers=$here/peers
python=/usr/bin/python3 # Debian's, which has Debian's modules
postgres_bin=(/usr/lib/postgresql/*/bin)

all=(dns dns-ipv6 tls postgresql postgresql-tls mysql mongodb kafka smb bgp tds amqp mqtt
  lossy holes snapped midstream reuse sluice vxlan)

packages=(tcpdump tshark iproute2 procps python3 python3-pika python3-pymongo unbound bind9-dnsutils knot-dnsutils
  openssl postgresql mariadb-server mariadb-client samba smbclient mosquitto mosquitto-clients rabbitmq-server
  bird2 freetds-bin kcat)

# Installs without starting anything: the servers are ours to start.
install_programs() {
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -qq
  local policy=/usr/sbin/policy-rc.d
  if [[ ! -e $policy ]]; then
    trap 'rm -f /usr/sbin/policy-rc.d' EXIT
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod +x "$policy"
  fi
  apt-get install -y -qq --no-install-recommends "${packages[@]}"
}

if [[ ${SLUICE_RECORDING:-} != inside ]]; then
  [[ $(id -u) == 0 ]] || { echo 'record.sh: must be root, for tcpdump and the namespaces' >&2; exit 1; }
  if [[ ${1:-} == --no-install ]]; then shift; else install_programs; fi
  SLUICE_RECORDING=inside timeout --foreground 900 unshare --net --uts --ipc --mount --pid --fork --kill-child --mount-proc \
    "${BASH_SOURCE[0]}" "$@"
  exit
fi

hostname sluice
# A small packet is where messages are cut; the loopback's own 64 KiB would hide it.
ip link set lo mtu 1500 gso_max_segs 1 up
work=$(mktemp -d)
chmod 755 "$work"
trap 'rm -rf "$work"' EXIT
cd "$work"
export HOME=$work LC_ALL=C TZ=UTC

# --- capturing -------------------------------------------------------------------------------------------------

# capture FILE INTERFACE [tcpdump option…] -- FILTER…: begins, and returns once packets are seen.
capture() {
  raw=$work/raw.pcap
  rm -f "$raw"
  local device=$2 options=(-s 65535)
  target=$here/$1
  shift 2
  while [[ $1 != -- ]]; do options+=("$1"); shift; done
  shift
  # Room for a burst: what does not fit would be missing from the capture, though not from the connection.
  tcpdump -i "$device" -n -U --immediate-mode -B 131072 -Z root -w "$raw" "${options[@]}" "$*" 2>"$work/tcpdump.log" &
  tcpdump=$!
  until grep -qs 'listening on' "$work/tcpdump.log"; do
    kill -0 $tcpdump || { cat "$work/tcpdump.log" >&2; exit 1; }
    sleep 0.05
  done
}

# Ends the capture once nothing more comes, and writes it in the format its name says, without the machine's name,
# system or processor, which pcapng has room for.
captured() {
  local size=-1
  while [[ $size != $(stat -c %s "$raw") ]]; do size=$(stat -c %s "$raw"); sleep 0.7; done
  kill -INT $tcpdump
  wait $tcpdump || true
  grep -q '^0 packets dropped by kernel' "$work/tcpdump.log" || { cat "$work/tcpdump.log" >&2; exit 1; }
  if [[ $target == *.pcapng ]]; then $python "$peers/to-pcapng.py" "$raw" "$target"; else cp "$raw" "$target"; fi
  chmod 644 "$target"
  echo "$(basename "$target"): $(stat -c %s "$target") bytes"
}

# listening PORT…: until something listens there.
listening() {
  local port
  for port; do
    for _ in $(seq 600); do
      if ss -Hltn "sport = :$port" | grep -q .; then continue 2; fi
      sleep 0.1
    done
    echo "record.sh: nothing listens on port $port" >&2
    exit 1
  done
}

# A server in the background, whose output is of no interest unless it does not come up.
server() { "$@" >>"$work/server.log" 2>&1 & }

certificate() {
  [[ -e key.pem ]] || openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem -days 30 \
    -subj /CN=sluice.example 2>/dev/null
}

# --- protocols -------------------------------------------------------------------------------------------------

start_unbound() {
  [[ -e unbound.conf ]] && return
  {
    printf 'server:\n  interface: 127.0.0.1\n  interface: ::1\n  do-daemonize: no\n  username: ""\n  chroot: ""\n'
    printf '  directory: "%s"\n  pidfile: ""\n  use-syslog: no\n  hide-identity: yes\n  hide-version: yes\n' "$work"
    printf '  local-zone: "example." static\n'
    for i in $(seq 40); do printf '  local-data: "host%d.example. A 192.0.2.%d"\n' "$i" "$i"; done
    for i in $(seq 30); do
      printf '  local-data: "long.example. TXT %03d-%s"\n' "$i" "$(printf '%0200d' "$i")"
    done
    printf 'remote-control:\n  control-enable: no\n'
  } >unbound.conf
  server unbound -d -c unbound.conf
  listening 53
}

dns() {
  start_unbound
  capture dns.pcap lo -- tcp port 53
  dig +tcp @127.0.0.1 host1.example A >/dev/null
  kdig +tcp +keepopen @127.0.0.1 host2.example A host3.example AAAA nothing.example A long.example TXT >/dev/null
  # Many queries in one write: they arrive glued, and so do the answers.
  $python "$peers/pipelined-dns.py" 127.0.0.1 20
  captured
}

dns-ipv6() {
  start_unbound
  capture dns-ipv6.pcapng any -- tcp port 53
  kdig +tcp +keepopen @::1 host4.example A host5.example A long.example TXT >/dev/null
  $python "$peers/pipelined-dns.py" ::1 12
  captured
}

tls() {
  certificate
  head -c 40000 /dev/zero | tr '\0' s >page.txt
  server openssl s_server -accept 443 -cert cert.pem -key key.pem -WWW
  listening 443
  capture tls.pcapng lo -- tcp port 443
  for version in tls1_2 tls1_3; do
    printf 'GET /page.txt HTTP/1.0\r\n\r\n' |
      openssl s_client -connect 127.0.0.1:443 "-$version" -ign_eof -servername sluice.example >/dev/null 2>&1
  done
  captured
}

start_postgres() {
  [[ -e pg ]] && return
  mkdir pg
  chown postgres pg
  runuser -u postgres -- "${postgres_bin[-1]}/initdb" -D "$work/pg" -U demo -A trust -E UTF8 --no-locale >/dev/null
  certificate
  install -m 600 -o postgres key.pem pg/server.key
  install -m 644 -o postgres cert.pem pg/server.crt
  server runuser -u postgres -- "${postgres_bin[-1]}/postgres" -D "$work/pg" -c unix_socket_directories= \
    -c listen_addresses='*'
  listening 5432
  echo 'host all all 192.0.2.0/24 trust' >>pg/pg_hba.conf
  psql_ -c 'select pg_reload_conf()' >/dev/null
}

psql_() { psql -X -h "${server_host:-127.0.0.1}" -U demo -d postgres "$@"; }

postgresql() {
  start_postgres
  capture postgresql.pcap lo --time-stamp-precision=nano -- tcp port 5432
  # The server has no TLS: it answers the question for it with one byte.
  PGSSLMODE=prefer psql_ >/dev/null 2>&1 <<'SQL'
create temporary table words (id int, word text);
copy words from stdin;
1	one
2	two
\.
insert into words select n, repeat('sluice ', n) from generate_series(3, 90) n;
select * from words;
copy words to stdout;
select no_such_column;
do $$ begin raise notice 'a notice'; end $$;
listen news; notify news, 'good';
SQL
  printf 'select :n + g from generate_series(1, 3) g;\n' >bench.sql
  PGSSLMODE=disable "${postgres_bin[-1]}/pgbench" -h 127.0.0.1 -U demo -n -t 3 -M prepared -D n=7 -f bench.sql \
    postgres >/dev/null 2>&1
  captured
}

postgresql-tls() {
  start_postgres
  psql_ -c 'alter system set ssl = on' -c 'select pg_reload_conf()' >/dev/null
  until PGSSLMODE=require psql_ -c 'select 1' >/dev/null 2>&1; do sleep 0.2; done
  capture postgresql-tls.pcap lo -- tcp port 5432
  PGSSLMODE=require psql_ -c "select repeat('sluice ', 1000)" >/dev/null
  captured
  psql_ -c 'alter system set ssl = off' -c 'select pg_reload_conf()' >/dev/null
  while PGSSLMODE=require psql_ -c 'select 1' >/dev/null 2>&1; do sleep 0.2; done
}

mysql() {
  mariadb-install-db --no-defaults --user=root --datadir="$work/mysql" --auth-root-authentication-method=normal \
    --skip-test-db >/dev/null 2>&1
  server mariadbd --no-defaults --user=root --datadir="$work/mysql" --socket="$work/mysql.sock" \
    --bind-address=127.0.0.1 --port=3306
  listening 3306
  capture mysql.pcap lo -- tcp port 3306
  mariadb --no-defaults -h 127.0.0.1 -u root --skip-ssl --force >/dev/null 2>&1 <<'SQL'
create database demo;
use demo;
create table words (id int primary key, word text);
insert into words select seq, repeat('sluice ', seq) from seq_1_to_100;
select * from words;
select no_such_column;
select repeat('x', 20000);
SQL
  captured
}

mongodb() {
  server $python "$peers/mongodb-server.py"
  listening 27017
  capture mongodb.pcap lo -- tcp port 27017
  $python "$peers/mongodb-client.py"
  captured
}

kafka() {
  server $python "$peers/kafka-server.py"
  listening 9092
  capture kafka.pcapng lo -- tcp port 9092
  kcat -L -b 127.0.0.1:9092 >/dev/null
  captured
}

smb() {
  mkdir smb smb/{state,share}
  cat >smb.conf <<CONF
[global]
netbios name = SLUICE
workgroup = DEMO
server string = sluice
smb ports = 445 139
bind interfaces only = yes
interfaces = 127.0.0.1/8
disable netbios = no
map to guest = Bad User
private dir = $work/smb/state
state directory = $work/smb/state
cache directory = $work/smb/state
lock directory = $work/smb/state
pid directory = $work/smb/state
ncalrpc dir = $work/smb/state
log file = $work/smb/log
load printers = no
printing = bsd
[demo]
path = $work/smb/share
guest ok = yes
read only = no
force user = root
CONF
  server smbd -F --no-process-group -s "$work/smb.conf"
  listening 445 139
  head -c 20000 /dev/zero | tr '\0' s >sent.txt
  capture smb.pcap lo -- tcp port 445 or tcp port 139
  for port in 445 139; do
    smbclient //127.0.0.1/demo -N -p "$port" -s "$work/smb.conf" -c "put sent.txt; ls; get sent.txt got.txt" \
      >/dev/null 2>&1
  done
  captured
  cmp sent.txt got.txt
}

bgp() {
  ip address add 192.0.2.1/32 dev lo
  ip address add 192.0.2.2/32 dev lo
  capture bgp.pcap lo -- tcp port 179
  for i in 1 2; do
    {
      printf 'router id 192.0.2.%d;\nprotocol device {}\n' "$i"
      printf 'protocol static {\n  ipv4;\n'
      for n in $(seq 120); do
        printf '  route 10.%d.%d.0/24 blackhole { bgp_community.add((%d, %d)); };\n' "$i" "$n" "$((65000 + i))" "$n"
      done
      printf '}\nprotocol bgp {\n  multihop;\n  strict bind;\n  local 192.0.2.%d as %d;\n' "$i" "$((65000 + i))"
      printf '  neighbor 192.0.2.%d as %d;\n  connect delay time 1;\n  hold time 9;\n' "$((3 - i))" "$((65003 - i))"
      printf '  ipv4 { import all; export all; next hop self; };\n}\n'
    } >"bird$i.conf"
    server bird -f -c "bird$i.conf" -s "bird$i.ctl"
  done
  until birdc -s bird1.ctl show route count 2>/dev/null | grep -q '240 of 240 routes for 240'; do sleep 0.2; done
  until birdc -s bird2.ctl show route count 2>/dev/null | grep -q '240 of 240 routes for 240'; do sleep 0.2; done
  birdc -s bird1.ctl down >/dev/null
  birdc -s bird2.ctl down >/dev/null
  captured
}

tds() {
  server $python "$peers/tds-server.py"
  listening 1433
  capture tds.pcap lo -- tcp port 1433
  printf 'select word from words\ngo\nexit\n' |
    TDSVER=7.4 tsql -H 127.0.0.1 -p 1433 -U demo -P demo >/dev/null 2>&1
  captured
}

amqp() {
  mkdir rabbit
  chmod 777 rabbit
  export RABBITMQ_NODENAME=rabbit@localhost RABBITMQ_MNESIA_BASE=$work/rabbit RABBITMQ_LOG_BASE=$work/rabbit
  export RABBITMQ_ENABLED_PLUGINS_FILE=$work/rabbit/plugins RABBITMQ_CONFIG_FILE=$work/rabbit/none
  # A cookie of its own in its own home, and epmd within the namespace.
  server env HOME="$work/rabbit" /usr/lib/rabbitmq/bin/rabbitmq-server
  listening 5672
  capture amqp.pcapng lo -- tcp port 5672
  $python "$peers/amqp-client.py"
  captured
}

start_mosquitto() {
  [[ -e mosquitto.conf ]] && return
  printf 'listener 1883 127.0.0.1\nallow_anonymous true\nuser root\n' >mosquitto.conf
  server mosquitto -c mosquitto.conf
  listening 1883
}

# Until so many subscribers are connected.
subscribed() { until [[ $(ss -Htn state established "dport = :1883" | wc -l) -ge $1 ]]; do sleep 0.1; done; sleep 0.3; }

publish() { mosquitto_pub -h 127.0.0.1 -i sluice-pub -t demo/words "$@"; }

mqtt() {
  start_mosquitto
  # By the pseudo-interface, so with Linux's "cooked" link type.
  capture mqtt.pcap any -y LINUX_SLL -- tcp port 1883
  mosquitto_sub -h 127.0.0.1 -i sluice-sub -t 'demo/#' -q 2 -C 5 >/dev/null &
  local subscriber=$!
  subscribed 1
  publish -q 0 -m one
  publish -q 1 -m two
  publish -q 2 -V 5 -m three
  head -c 20000 /dev/zero | tr '\0' s | publish -q 1 -s
  printf 'four\n' | publish -l
  wait $subscriber
  captured
}

# --- what happens to captures ----------------------------------------------------------------------------------

# A large result through a link that loses, reorders and repeats packets, captured where it arrives.
lossy() {
  start_postgres
  unshare --net sleep infinity &
  local far=$!
  until [[ $(readlink /proc/$far/ns/net) != $(readlink /proc/self/ns/net) ]]; do sleep 0.05; done
  server $python "$peers/lossy-link.py" near0 far0
  until ip link show near0 >/dev/null 2>&1 && ip link show far0 >/dev/null 2>&1; do sleep 0.1; done
  ip link set far0 netns $far
  ip address add 192.0.2.10 peer 192.0.2.20 dev near0
  ip link set near0 mtu 1400 up
  nsenter --net=/proc/$far/ns/net sh -c 'ip link set lo up
    ip address add 192.0.2.20 peer 192.0.2.10 dev far0; ip link set far0 mtu 1400 up'
  capture lossy.pcap near0 -- tcp port 5432
  # The server is in the near namespace, so the far one sends to it: a large COPY arrives there.
  for i in $(seq 400); do printf '%d\t%0120d\n' "$i" "$i"; done >rows.tsv
  nsenter --net=/proc/$far/ns/net psql -X -h 192.0.2.10 -U demo -d postgres -c 'create temporary table rows (i int, t text)' \
    -c "\\copy rows from rows.tsv" -c 'select count(*) from rows' -c 'select i, t from rows where i < 150' >/dev/null
  captured
  kill $far
}

# As a recorder that cannot keep up leaves it: one packet in eight is not in the capture, though it arrived.
holes() {
  start_postgres
  capture holes.pcap lo -- 'tcp port 5432 and (ip[4:2] & 7 != 3 or tcp[13] & 7 != 0)'
  PGSSLMODE=disable psql_ -c "select n, repeat('sluice ', n) from generate_series(1, 110) n" >/dev/null
  captured
}

snapped() {
  start_postgres
  capture snapped.pcap lo -s 96 -- tcp port 5432
  PGSSLMODE=disable psql_ -c "select n, repeat('sluice ', n) from generate_series(1, 110) n" >/dev/null
  captured
}

# Begins when the connections are long open.
midstream() {
  start_mosquitto
  mosquitto_sub -h 127.0.0.1 -i sluice-sub -t 'demo/#' -q 1 -C 4 >/dev/null &
  local subscriber=$!
  subscribed 1
  mkfifo lines
  mosquitto_pub -h 127.0.0.1 -i sluice-pub -t demo/words -q 1 -l <lines &
  exec 5>lines
  echo one >&5
  subscribed 2
  capture midstream.pcapng lo -- tcp port 1883
  echo two >&5
  echo three >&5
  printf '%05000d\n' 4 >&5
  wait $subscriber
  exec 5>&-
  captured
}

# Three connections, one after the other, from one port to another.
reuse() {
  start_unbound
  capture reuse.pcap lo -- tcp port 53
  $python "$peers/reused-port.py" 127.0.0.1
  captured
}

sluice() {
  (cd "$repo" && npx tsc -p tsconfig.build.json)
  local sluice=(node "$repo/dist/cli/main.js")
  mkdir files
  printf 'hello\n' >files/hello.txt
  head -c 30000 /dev/zero | tr '\0' s >files/page.txt
  : >files/empty.txt
  server "${sluice[@]}" serve "$work/stored" --port 8080
  listening 8080
  capture sluice.pcapng lo -- tcp port 8080
  (
    cd files
    "${sluice[@]}" put hello.txt page.txt empty.txt --to 127.0.0.1:8080 --as demo/
    "${sluice[@]}" ls --server 127.0.0.1:8080
    "${sluice[@]}" stat demo/page.txt --server 127.0.0.1:8080
    cd .. && mkdir fetched && cd fetched
    "${sluice[@]}" get demo/page.txt --from 127.0.0.1:8080
    "${sluice[@]}" get no-such-file --from 127.0.0.1:8080 || true
    "${sluice[@]}" rm demo/empty.txt --server 127.0.0.1:8080
    # A plain script, which reads no replies, sends requests glued together.
    $python "$peers/plain-sluice.py" 8080
  ) >/dev/null 2>"$work/sluice.log"
  captured
}

# Sluice between two hosts of a VXLAN of the kernel, over IPv4 and over IPv6 inside, captured outside.
vxlan() {
  (cd "$repo" && npx tsc -p tsconfig.build.json)
  local sluice=(node "$repo/dist/cli/main.js")
  ip netns add far
  ip link add outside type veth peer name outside netns far
  local near=(ip) far=(ip -n far) host=1 side
  for side in near far; do
    local -n on=$side
    "${on[@]}" addr add 192.0.2.$host/24 dev outside
    "${on[@]}" link set outside up
    "${on[@]}" link add inside type vxlan id 42 dstport 4789 local 192.0.2.$host remote 192.0.2.$((3 - host))
    "${on[@]}" addr add 10.42.0.$host/24 dev inside
    "${on[@]}" addr add fd42::$host/64 dev inside nodad
    "${on[@]}" link set inside gso_max_segs 1 up
    host=2
  done
  mkdir files
  printf 'hello\n' >files/hello.txt
  head -c 20000 /dev/zero | tr '\0' v >files/page.txt
  server ip netns exec far "${sluice[@]}" serve "$work/stored" --host :: --port 8080
  for _ in $(seq 600); do
    if (exec 3<>/dev/tcp/10.42.0.2/8080) 2>/dev/null; then break; fi
    sleep 0.1
  done
  # Of a packet in fragments only the first has ports.
  capture vxlan.pcapng outside -- 'udp port 4789 or ip[6:2] & 0x1fff != 0'
  "${sluice[@]}" put files/hello.txt files/page.txt --to 10.42.0.2:8080 >/dev/null
  "${sluice[@]}" ls --server '[fd42::2]:8080' >/dev/null
  captured
  ip netns del far
}

for each in "${@:-${all[@]}}"; do "$each"; done
