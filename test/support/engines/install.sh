#!/usr/bin/env bash
# install.sh [ENGINE]...: Debian's packages of these engines (postgres, ceph, swift, nats; all when none is named), where they
# are missing. Fails when one is missing in the end, and says how it would be got.
set -euo pipefail
PATH=$PATH:/usr/sbin:/sbin

declare -A packages=(
  [postgres]='postgresql'
  [ceph]='ceph-mon ceph-osd radosgw ceph-common'
  [swift]='swift-proxy swift-account swift-container swift-object memcached'
  [nats]='nats-server'
)
declare -A programs=(
  [ceph]='ceph-mon ceph-osd radosgw radosgw-admin monmaptool ceph'
  [swift]='swift-proxy-server swift-account-server swift-container-server swift-object-server memcached'
  [nats]='nats-server'
)
engines=("$@")
(($#)) || engines=(postgres ceph swift nats)

missing() {
  local engine program
  for engine in "${engines[@]}"; do
    if [[ $engine == postgres ]]; then
      compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || echo "${packages[postgres]}"
      continue
    fi
    for program in ${programs[$engine]}; do
      command -v "$program" >/dev/null || { echo "${packages[$engine]}"; break; }
    done
  done
}

# Prints what it is to be undone by.
without_services() {
  local policy=/usr/sbin/policy-rc.d clusters=/etc/postgresql-common/createcluster.d
  # dpkg asks this script whether a package may start a service, and 101 means no.
  if [[ ! -e $policy ]]; then
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod +x "$policy"
    echo "rm -f $policy;"
  fi
  # Nor is PostgreSQL to make a cluster, which nobody would use.
  if [[ ! -d /etc/postgresql-common ]]; then
    mkdir -p "$clusters"
    echo 'create_main_cluster = false' >"$clusters/tests.conf"
    echo "rm -f $clusters/tests.conf; rmdir --ignore-fail-on-non-empty $clusters;"
  fi
}

read -ra wanted <<<"$(missing | tr '\n' ' ')"
((${#wanted[@]})) || exit 0
if ((EUID == 0)) && [[ -e /etc/debian_version ]]; then
  # One at a time; on a file that is there anyway.
  exec 9</etc/debian_version
  flock 9
  read -ra wanted <<<"$(missing | tr '\n' ' ')"
  ((${#wanted[@]})) || exit 0
  echo "Installing Debian packages that tests need: ${wanted[*]} (apt-get) …"
  # shellcheck disable=SC2064
  trap "$(without_services)" EXIT
  export DEBIAN_FRONTEND=noninteractive
  # A list of packages may be old and good enough, so a failed update is not the end.
  apt-get update -qq || true
  said=$(apt-get install -y -qq --no-install-recommends "${wanted[@]}" 2>&1) || tail -n 20 <<<"$said" >&2
fi
read -ra wanted <<<"$(missing | tr '\n' ' ')"
((${#wanted[@]} == 0)) || { echo "missing; on Debian, as root: apt-get install --no-install-recommends ${wanted[*]}" >&2; exit 1; }
