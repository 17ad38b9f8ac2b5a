#!/bin/busybox sh
# Finds the system by its label and hands over. Nothing else is in this small start.
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t sysfs sysfs /sys
/bin/busybox mount -t devtmpfs dev /dev
for module in $(/bin/busybox cat /modules.order); do
  /bin/busybox insmod "/modules/$module" 2>/dev/null
done
left=60
until root=$(/bin/busybox findfs LABEL=onecard-root 2>/dev/null); do
  left=$((left - 1))
  [ "$left" -gt 0 ] || { echo "onecard: no partition named onecard-root"; /bin/busybox sleep 30; /bin/busybox reboot -f; }
  /bin/busybox sleep 0.5
done
/bin/busybox mount -t ext4 -o ro,noatime "$root" /system
/bin/busybox mount -o move /dev /system/dev
/bin/busybox umount /sys /proc
exec /bin/busybox switch_root /system /sbin/init
