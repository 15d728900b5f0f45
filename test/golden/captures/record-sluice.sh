#!/bin/sh
# Records sluice.pcap anew: a server and its command line on the loopback, over IPv4 and IPv6. Needs root, tcpdump and
# a built dist/. Run it in the top folder.
set -e
out=$(dirname "$0")/sluice.pcap
port=18080
folder=$(mktemp -d)
mkdir "$folder/root" "$folder/src"
head -c 15000 /dev/urandom | base64 >"$folder/src/large.txt"
echo hello >"$folder/src/notes.txt"
echo hello >"$folder/src/ünï.txt"
echo '{"tokens":[{"name":"alice","token":"a-secret-of-16-characters","rights":["read","write","delete"]}]}' >"$folder/access.json"
export SLUICE_TOKEN=a-secret-of-16-characters
tcpdump -i lo -U -s 0 -w "$out" "tcp port $port" 2>/dev/null &
dump=$!
sluice() { node dist/cli/main.js "$@"; }
node dist/cli/main.js serve "$folder/root" --port $port --host :: --access "$folder/access.json" 2>/dev/null &
server=$!
sleep 2
sluice put "$folder/src" --to 127.0.0.1:$port
sluice ls --from "[::1]:$port"
sluice get src/ --from "[::1]:$port" --out "$folder/out"
sluice mv src/notes.txt src/renamed.txt --server 127.0.0.1:$port
sluice stat src/renamed.txt --server 127.0.0.1:$port || true
sluice rm src/renamed.txt --server 127.0.0.1:$port
sluice rm src/nothing --server 127.0.0.1:$port || true
sleep 1
kill $server $dump
wait $dump || true
rm -r "$folder"
