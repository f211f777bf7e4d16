#!/usr/bin/env bash
# Tests of openstack/ with a real Neutron and a real romanad. Without arguments all of them, after types, format and
# lint; --quick leaves out Neutron's own suites; other arguments are for pytest, such as a file. What wants a server of its
# own runs beside the others.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

scripts/openstack-setup.sh
cd openstack

readonly BUSY=(tests/test_parallel.py tests/test_kills.py tests/test_cloud_of_vms.py)
readonly NEUTRON_OWN=tests/neutron_own

run_tests() { /usr/bin/python3 -m pytest -q -p no:cacheprovider "$@" </dev/null; }

check_statically() {
  /usr/bin/python3 -m mypy networking_romana
  local ruff=${XDG_CACHE_HOME:-$HOME/.cache}/romana/ruff/bin/ruff
  "$ruff" format --check .
  "$ruff" check .
}

# Runs the busy ones in the background and tells of them afterwards. A failure of either is one of both.
run_own_tests() {
  local log busy failed=0
  log=$(mktemp)
  run_tests "${BUSY[@]}" >"$log" 2>&1 &
  busy=$!
  local -a others=(tests "--ignore=$NEUTRON_OWN")
  local file
  for file in "${BUSY[@]}"; do others+=("--ignore=$file"); done
  run_tests "${others[@]}" || failed=1
  wait "$busy" || failed=1
  cat "$log"
  rm -f "$log"
  return "$failed"
}

case "${1:-}" in
  "" | --quick)
    check_statically
    run_own_tests
    if [ $# -eq 0 ]; then run_tests "$NEUTRON_OWN"; fi
    ;;
  *) run_tests "$@" ;;
esac
