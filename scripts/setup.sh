#!/usr/bin/env bash
# Makes a Debian machine ready for Romana: Debian packages, npm packages, a look at the kernel. Quick when
# nothing is missing. With --test it also installs what only the tests need, with --clusters moreover what only tests
# with real clusters of Kubernetes need.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly OLDEST_NODE=20
readonly RUN_PACKAGES=(nftables iptables ipset iproute2 iputils-ping procps util-linux)
readonly TEST_PACKAGES=(tcpdump iperf3 sockperf ethtool gcc libc6-dev containernetworking-plugins bird2 frr dnsmasq-base udhcpc isc-dhcp-client socat)
readonly CLUSTER_PACKAGES=(containerd runc etcd-server busybox-static openssl)

say() { echo "setup: $*" >&2; }
fail() { say "$*"; exit 1; }

check_machine() {
  [ "$(uname -s)" = Linux ] || fail "Romana programs the Linux kernel; this is $(uname -s)"
  [ "$(id -u)" -eq 0 ] || fail "network namespaces and nftables need root; run this as root"
  command -v node >/dev/null || fail "Node is missing; install Node $OLDEST_NODE or newer with npm"
  command -v npm >/dev/null || fail "npm is missing; install it beside Node"
  local major
  major=$(node -p 'process.versions.node.split(".")[0]')
  [ "$major" -ge "$OLDEST_NODE" ] || fail "Node $major is too old; $OLDEST_NODE or newer is wanted"
}

missing_packages() {
  local package
  for package in "$@"; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || echo "$package"
  done
}

# The lock waits for another apt; a list of packages that is not there or is old makes install fail once.
install_packages() {
  local -a missing
  command -v dpkg-query >/dev/null || { check_tools; return; }
  mapfile -t missing < <(missing_packages "$@")
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

# Without dpkg the names of packages mean nothing, but the tools do.
check_tools() {
  local tool
  for tool in nft iptables ipset ip ping pgrep unshare; do
    command -v "$tool" >/dev/null || fail "$tool is missing, and this is no Debian: install it and run this again"
  done
}

install_modules() {
  local installed=node_modules/.package-lock.json
  if [ -e "$installed" ] && [ ! package-lock.json -nt "$installed" ] && [ -x node_modules/.bin/node ]; then return; fi
  say "installing npm packages"
  npm ci --ignore-scripts --include=dev --include=optional --no-audit --no-fund --loglevel=error </dev/null >&2 ||
    fail "npm ci failed"
  [ -x node_modules/.bin/node ] || fail "there is no Node for $(uname -m); x86_64 and aarch64 are supported"
}

# Tries everything once in a namespace that is gone afterwards.
check_kernel() {
  unshare --net true 2>/dev/null || fail "the kernel or the container does not allow network namespaces"
  unshare --net sh -c 'ip link add v0 type veth peer name v1' 2>/dev/null || fail "the kernel has no veth links"
  unshare --net sh -c 'ip link add b0 type bridge' 2>/dev/null || fail "the kernel has no bridge links"
  unshare --net sh -c 'nft add table inet probe && nft add chain inet probe c "{ type filter hook forward priority 0; }" && nft add rule inet probe c ct state established accept' 2>/dev/null ||
    fail "the kernel has no nftables with connection tracking"
  [ -e /proc/sys/net/ipv6 ] || fail "IPv6 is switched off in the kernel"
}

packages=("${RUN_PACKAGES[@]}")
case "${1:-}" in
  --test) packages+=("${TEST_PACKAGES[@]}") ;;
  --clusters) packages+=("${TEST_PACKAGES[@]}" "${CLUSTER_PACKAGES[@]}") ;;
esac
check_machine
install_packages "${packages[@]}"
install_modules
check_kernel
say "ready"
