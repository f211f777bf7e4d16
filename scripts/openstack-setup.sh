#!/usr/bin/env bash
# Makes a Debian machine ready for the tests of openstack/: Neutron with its own tests, MariaDB, pytest and mypy from Debian,
# and ruff from PyPI into a cache of its own. Nova is unpacked there only: to install it would change a good part of the machine. Quick when nothing is missing. Nothing is started and no configuration of the
# machine is changed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly PACKAGES=(
  python3-neutron mariadb-server-core mariadb-client-core
  python3-pytest python3-oslotest python3-ddt python3-testresources python3-testscenarios mypy
  python3-venv
)
# Nova's code, and what of its needs Neutron does not have.
readonly UNPACKED=(
  python3-nova python3-castellan python3-cursive python3-glanceclient python3-warlock python3-oslo.limit python3-retrying
)
readonly OLDEST_NEUTRON=21
readonly RUFF=0.17.6

say() { echo "openstack-setup: $*" >&2; }
fail() { say "$*"; exit 1; }

installed() { [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]; }

install_missing() {
  local -a missing=()
  local package
  for package in "${PACKAGES[@]}"; do installed "$package" || missing+=("$package"); done
  [ ${#missing[@]} -gt 0 ] || return 0
  say "installing Debian packages: ${missing[*]}"
  export DEBIAN_FRONTEND=noninteractive
  local -a apt=(apt-get -q -o DPkg::Lock::Timeout=300)
  local -a install=("${apt[@]}" install -y --no-install-recommends "${missing[@]}")
  "${install[@]}" </dev/null >&2 && return 0
  say "reading the lists of packages anew"
  "${apt[@]}" update </dev/null >&2 || fail "apt-get update failed; is there a network?"
  "${install[@]}" </dev/null >&2 || fail "apt-get could not install: ${missing[*]}"
}

# Debian's packages are seen by Debian's Python only, whichever python3 is first on the PATH.
check_neutron() {
  local version
  version=$(/usr/bin/python3 -c 'import importlib.metadata as m; print(m.version("neutron"))') ||
    fail "/usr/bin/python3 does not find Neutron"
  [ "${version%%.*}" -ge "$OLDEST_NEUTRON" ] || fail "Neutron $version is too old; $OLDEST_NEUTRON or newer is wanted"
  /usr/bin/python3 -c 'import neutron.tests.unit.plugins.ml2.test_plugin' 2>/dev/null ||
    fail "Neutron's own tests cannot be imported"
}

# scripts/openstack.sh finds it under the name without the version.
install_ruff() {
  local cache=${XDG_CACHE_HOME:-$HOME/.cache}/romana
  local there=$cache/ruff-$RUFF
  mkdir -p "$cache"
  ln -sfn "ruff-$RUFF" "$cache/ruff"
  [ ! -x "$there/bin/ruff" ] || return 0
  say "installing ruff $RUFF"
  rm -rf "$there"
  /usr/bin/python3 -m venv "$there" >&2 && "$there/bin/pip" install -q "ruff==$RUFF" </dev/null >&2 || {
    rm -rf "$there"
    fail "pip could not install ruff $RUFF"
  }
}

# openstack/tests/rig/nova_client.py finds it there.
unpack_nova() {
  local there=${XDG_CACHE_HOME:-$HOME/.cache}/romana/nova
  [ ! -e "$there" ] || return 0
  say "unpacking ${UNPACKED[*]}"
  rm -rf "$there.new"
  mkdir -p "$there.new/packages"
  chmod 755 "$there.new" "$there.new/packages"
  (
    cd "$there.new/packages"
    apt-get -q download "${UNPACKED[@]}" </dev/null >&2 || {
      apt-get -q update </dev/null >&2 && apt-get -q download "${UNPACKED[@]}" </dev/null >&2
    } || fail "apt-get could not download: ${UNPACKED[*]}"
    local package
    for package in *.deb; do dpkg -x "$package" ..; done
  )
  rm -r "$there.new/packages"
  mv "$there.new" "$there"
}

command -v dpkg-query >/dev/null || fail "this is no Debian: install Neutron, its tests, MariaDB, pytest and mypy by hand"
[ "$(id -u)" -eq 0 ] || fail "packages are installed as root; run this as root"
scripts/setup.sh
install_missing
install_ruff
unpack_nova
check_neutron
say "ready"
