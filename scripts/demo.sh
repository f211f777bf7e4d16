#!/usr/bin/env bash
# The seed's example with real packets: hosts as network namespaces, the real programs, dual stack. Exit code 0
# only when every cell of the matrix is as expected. Everything is removed at the end, whatever happens.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

scripts/setup.sh
export PATH="$PWD/node_modules/.bin:$PATH"

lab="demo-$$"
server="unix:///run/romana/lab/$lab/romanad/romanad.sock"

romana() { node bin/romana.mjs "$@"; }
title() { printf '\n== %s\n\n' "$*"; }
clean_up() {
  local status=$?
  trap - EXIT
  romana lab down "$lab" >/dev/null
  exit "$status"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

romana lab up -f examples/topologies/seed.yaml --name "$lab" >/dev/null

title "The address plan"
romana network list --server "$server"
echo
romana plan decode 10.1.1.27 --server "$server"

title "Addresses"
romana endpoint list --server "$server"

title "Routes of each host"
romana route list --server "$server"
echo
romana route summary --server "$server"
printf '\nThe routes of host-1 as its kernel has them, with those of its endpoints:\n\n'
romana lab exec --lab "$lab" host-1 -- ip -4 route show proto 114
romana lab exec --lab "$lab" host-1 -- ip -6 route show proto 114

title "How full it is"
romana ipam usage --server "$server"

title "Who reaches whom: real TCP, UDP and ICMP probes over IPv4 and IPv6"
romana lab ping "$lab"

title "A policy: the web segment may ask the database, by TCP 5432 only (examples/policies/web-to-db.yaml)"
policy=examples/policies/web-to-db.yaml
romana policy check "$policy"
romana policy add "$policy" --server "$server" >/dev/null
echo
# Hosts hear of it within moments; the matrix says when it is enforced.
for attempt in 1 2 3; do
  matrix=$(romana lab ping "$lab" --port 5432) && break
  [ "$attempt" -lt 3 ] || { printf '%s\n' "$matrix"; exit 1; }
done
printf '%s\n' "$matrix"

title "Why may web-11 reach db-21?"
romana why web-11 db-21 --port 5432 --server "$server"

address=$(romana endpoint show web-11 --server "$server" -o json | node -p 'JSON.parse(require("fs").readFileSync(0)).addresses.ipv4')
title "Endpoint 11 of host 1, tenant 1, segment 1 is $address"
[ "$address" = 10.1.1.27 ] || { echo "demo: it should be 10.1.1.27" >&2; exit 1; }
