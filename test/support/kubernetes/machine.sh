#!/bin/sh
# A machine made of namespaces. `machine.sh outside CGROUP… -- MACHINE NAME` is what the rig starts: it goes into the
# cgroups, leaves all namespaces of the real machine, and becomes the parent of process 1, which runs
# `machine.sh inside MACHINE NAME`. All that the machine is and has lies below the directory MACHINE; what is mounted
# here is mounted nowhere else, so that it is gone with process 1.
set -eu

outside() {
  while [ "$1" != -- ]; do
    # A new cpuset has no processors, and takes no process until it has some.
    for file in cpuset.cpus cpuset.mems; do
      [ ! -e "$1/$file" ] || copy_down "$1" "$file"
    done
    echo $$ > "$1/cgroup.procs"
    shift
  done
  shift
  exec unshare --mount --pid --net --uts --ipc --cgroup --propagation private --fork --kill-child --mount-proc \
    -- /bin/sh "$0" inside "$@"
}

copy_down() {
  [ -z "$(cat "$1/$2")" ] || return 0
  copy_down "$(dirname "$1")" "$2"
  cat "$(dirname "$1")/$2" > "$1/$2"
}

inside() {
  machine=$1
  hostname "$2"
  cd "$machine"
  own_sys
  own_files
  own_settings
  # What pods mount, machines see, and the other way round: but only below this mount namespace.
  mount --make-rshared /
  ip link set lo up
  echo 1 > /proc/sys/net/ipv4/ip_forward
  echo 1 > /proc/sys/net/ipv6/conf/all/forwarding
  echo ready > "$machine/ready"
  # Process 1 inherits orphans: while the shell waits for its child it also buries them.
  while :; do
    sleep 1000000 &
    wait $! || true
  done
}

# /sys tells of this network namespace, the cgroups begin where this machine does.
own_sys() {
  hierarchies=$(sed -n 's/^[^ ]* [^ ]* [^ ]* [^ ]* \(\/sys\/fs\/cgroup\/[^ ]*\) .* - \(cgroup2\{0,1\}\) [^ ]* \(.*\)$/\1 \2 \3/p' /proc/self/mountinfo)
  mount -t sysfs sysfs /sys
  mount -t tmpfs -o mode=755 tmpfs /sys/fs/cgroup
  echo "$hierarchies" | while read -r path kind options; do
    mkdir "$path"
    if [ "$kind" = cgroup2 ]; then
      mount -t cgroup2 cgroup2 "$path"
    else
      mount -t cgroup -o "$(echo "$options" | sed 's/^rw,//')" cgroup "$path"
    fi
  done
}

# What programs and manifests write goes to places of this machine.
own_files() {
  for path in /etc /opt /var/lib /usr/libexec; do
    mkdir -p "overlay$path/upper" "overlay$path/work"
    mount -t overlay -o "lowerdir=$path,upperdir=$machine/overlay$path/upper,workdir=$machine/overlay$path/work" \
      overlay "$path"
  done
  # No overlay can be the upper layer of another one, and containers are made of overlays.
  for path in /run /var/log /var/lib/containerd /var/lib/kubelet /var/lib/cni /var/lib/romana; do
    mkdir -p "$path" "files$path"
    mount --bind "files$path" "$path"
  done
  # A network that the real machine has for its own containers is none of this one's.
  rm -rf /etc/cni
  mkdir -p /var/lib/etcd /run/lock /run/netns /etc/kubernetes/manifests /etc/cni/net.d
  mount -t tmpfs -o mode=700 tmpfs /var/lib/etcd
  if [ -d /usr/lib/cni ]; then
    mkdir -p /opt/cni/bin cni/upper cni/work
    mount -t overlay -o "lowerdir=/usr/lib/cni,upperdir=$machine/cni/upper,workdir=$machine/cni/work" \
      overlay /opt/cni/bin
  fi
  # Pods must not ask the real machine's name servers.
  rm -f /etc/resolv.conf /etc/hostname
  : > /etc/resolv.conf
  hostname > /etc/hostname
}

# The kubelet sets these, and they are not in any namespace: it finds them as it wants them, and writes to a file.
own_settings() {
  mkdir settings
  while read -r name value; do
    echo "$value" > "settings/$(basename "$name")"
    mount --bind "settings/$(basename "$name")" "/proc/sys/$name"
  done <<SETTINGS
vm/overcommit_memory 1
vm/panic_on_oom 0
kernel/panic 10
kernel/panic_on_oops 1
kernel/keys/root_maxkeys 1000000
kernel/keys/root_maxbytes 25000000
SETTINGS
}

"$@"
