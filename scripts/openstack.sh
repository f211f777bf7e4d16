#!/usr/bin/env bash
# Tests of openstack/ with a real Neutron and a real romanad; arguments are for pytest, such as a file. Without arguments
# also types and, where ruff is installed, format and lint.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

scripts/openstack-setup.sh
cd openstack

if [ $# -eq 0 ]; then
  /usr/bin/python3 -m mypy networking_romana
  if command -v ruff >/dev/null; then
    ruff format --check .
    ruff check .
  else
    echo "openstack: ruff is not installed: format and lint are not checked" >&2
  fi
fi
/usr/bin/python3 -m pytest -q -p no:cacheprovider "$@" </dev/null
