#!/bin/sh
# Puts in place what the card brings for this device: the folder /data with the program, the services. Started by the first
# boot of the system; may be run again at any time, also after a power cut in the middle. Everything else is the work of the
# services (onecard-setup, onecard-edge, onecard-first-boot). What it did stands in REPORT.txt until they write theirs.
set -eu
umask 022
root="${ONECARD_ROOT:-}"
card="${ONECARD_CARD:-$root/boot/firmware/onecard}"
python="${ONECARD_PYTHON:-@PYTHON@}"
report="$card/REPORT.txt"
lines=""

say() {
  lines="$lines$1
"
}

put() { # file, where to: whole or not at all
  mkdir -p "$(dirname "$2")"
  cp "$1" "$2.new"
  chmod 0644 "$2.new"
  sync "$2.new"
  mv -f "$2.new" "$2"
}

mkdir -p "$root/data"
if [ -f "$card/fstab" ]; then
  { grep -v '[[:space:]]/data[[:space:]]' "$root/etc/fstab" || true; cat "$card/fstab"; } >"$root/etc/fstab.onecard"
  put "$root/etc/fstab.onecard" "$root/etc/fstab"
  rm -f "$root/etc/fstab.onecard"
  if [ -z "$root" ] && ! mountpoint -q /data; then
    mount /data
  fi
  say "data partition 数据分区: onecard-data"
fi

home="$root/data/onecard"
if [ -f "$card/release.tar.gz" ] && [ ! -e "$home/current" ]; then
  rm -rf "$home/releases/new"
  mkdir -p "$home/releases/new"
  tar -xzf "$card/release.tar.gz" -C "$home/releases/new" --no-same-owner
  version="$(sed -n 's/^ *"version": *"\([0-9.]*\)".*/\1/p' "$home/releases/new/manifest.json")"
  rm -rf "$home/releases/$version"
  sync
  mv "$home/releases/new" "$home/releases/$version"
  ln -s "releases/$version" "$home/current"
  say "program unpacked 程序已解开: $version"
fi

for file in launch.py storage.py; do
  put "$card/$file" "$root/usr/local/lib/onecard/$file"
done
put "$card/units/onecard-fault.service" "$root/etc/systemd/system/onecard-fault.service"
for unit in onecard-storage onecard-setup onecard-edge onecard-first-boot; do
  put "$card/units/$unit.service" "$root/etc/systemd/system/$unit.service"
  mkdir -p "$root/etc/systemd/system/multi-user.target.wants"
  ln -sf "../$unit.service" "$root/etc/systemd/system/multi-user.target.wants/$unit.service"
done
put "$card/units/onecard-stick@.service" "$root/etc/systemd/system/onecard-stick@.service"
put "$card/units/99-onecard-stick.rules" "$root/etc/udev/rules.d/99-onecard-stick.rules"
put "$card/units/journald.conf" "$root/etc/systemd/journald.conf.d/onecard.conf"
put "$card/units/manager.conf" "$root/etc/systemd/system.conf.d/onecard.conf"
say "services 服务: onecard-storage onecard-setup onecard-edge onecard-first-boot onecard-fault"

if [ -f "$card/clock-epoch" ]; then
  mkdir -p "$root/usr/lib"
  touch -d "@$(cat "$card/clock-epoch")" "$root/usr/lib/clock-epoch" || true
fi

if PYTHONPATH="$home/current/site" "$python" -P -B -c 'import edge.first_boot, msgspec, cryptography, aiohttp' 2>"$report.why"; then
  say "program 程序: ok"
else
  say "MISSING 程序不能运行: $(tail -n 1 "$report.why")"
fi
rm -f "$report.why"

printf '%s' "$lines" >"$report.new"
sync "$report.new"
mv -f "$report.new" "$report"

if [ -z "$root" ] && [ -d /run/systemd/system ] && systemctl is-system-running 2>/dev/null | grep -Eq 'running|starting|degraded'; then
  systemctl daemon-reload
  udevadm control --reload
  systemctl start --no-block onecard-setup.service onecard-edge.service onecard-first-boot.service
fi
