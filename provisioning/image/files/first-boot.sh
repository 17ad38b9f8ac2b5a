#!/bin/sh
# Puts in place what the card brings for this device: host name, network, time servers, the service. Started by the first
# boot of the system; may be run again at any time, also after a power cut in the middle. What it did stands in REPORT.txt
# beside it, which any computer can read. It does not touch node.toml, which the program reads where it is.
set -eu
umask 077
root="${ONECARD_ROOT:-}"
card="${ONECARD_CARD:-$root/boot/firmware/onecard}"
report="$card/REPORT.txt"
lines=""

say() {
  lines="$lines$1
"
}

put() { # file, where to, mode: whole or not at all
  (umask 022 && mkdir -p "$(dirname "$2")")
  cp "$1" "$2.new"
  chmod "$3" "$2.new"
  sync "$2.new"
  mv -f "$2.new" "$2"
}

name="$(cat "$card/hostname")"
put "$card/hostname" "$root/etc/hostname" 0644
hosts="$root/etc/hosts"
if [ -f "$hosts" ]; then
  { grep -v '^127\.0\.1\.1[[:space:]]' "$hosts" || true; printf '127.0.1.1\t%s\n' "$name"; } >"$hosts.onecard"
  put "$hosts.onecard" "$hosts" 0644
  rm -f "$hosts.onecard"
fi
say "host name 主机名: $name"

for profile in "$card"/network/*.nmconnection; do
  [ -f "$profile" ] || continue
  put "$profile" "$root/etc/NetworkManager/system-connections/$(basename "$profile")" 0600
  say "network 网络: $(basename "$profile" .nmconnection)"
done

if [ -f "$card/timesyncd.conf" ]; then
  put "$card/timesyncd.conf" "$root/etc/systemd/timesyncd.conf.d/onecard.conf" 0644
  say "time servers 对时服务器: $(sed -n 's/^NTP=//p' "$card/timesyncd.conf")"
fi

put "$card/onecard-edge.service" "$root/etc/systemd/system/onecard-edge.service" 0644
(umask 022 && mkdir -p "$root/etc/systemd/system/multi-user.target.wants")
ln -sf ../onecard-edge.service "$root/etc/systemd/system/multi-user.target.wants/onecard-edge.service"
if [ -x "$root/opt/onecard/bin/onecard-edge" ]; then
  say "service 服务: onecard-edge"
else
  say "MISSING 缺少程序: /opt/onecard/bin/onecard-edge"
fi

printf '%s' "$lines" >"$report.new"
sync "$report.new"
mv -f "$report.new" "$report"

if [ -z "$root" ] && [ -d /run/systemd/system ] && systemctl is-system-running 2>/dev/null | grep -Eq 'running|starting|degraded'; then
  systemctl daemon-reload
  systemctl start --no-block onecard-edge.service
fi
