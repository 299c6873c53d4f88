// Folders that a system has before any package of ours: an rpm that owned one would take part in its mode and its removal.

import type { Placed } from "../system-package/files.ts";

const folders = new Set(
  [
    "bin boot dev etc home lib lib64 media mnt opt proc root run sbin srv sys tmp usr var",
    "etc/bash_completion.d etc/cron.d etc/cron.daily etc/cron.hourly etc/cron.monthly etc/cron.weekly etc/dbus-1 etc/default",
    "etc/init.d etc/ld.so.conf.d etc/logrotate.d etc/modprobe.d etc/modules-load.d etc/opt etc/pam.d etc/pki etc/profile.d",
    "etc/rc.d etc/security etc/skel etc/ssl etc/sudoers.d etc/sysconfig etc/sysctl.d etc/tmpfiles.d etc/udev etc/xdg",
    "etc/yum.repos.d etc/rsyslog.d etc/polkit-1 etc/dnf",
    "usr/bin usr/games usr/include usr/lib usr/lib64 usr/libexec usr/sbin usr/share usr/src",
    "usr/lib/binfmt.d usr/lib/environment.d usr/lib/firewalld usr/lib/firmware usr/lib/modprobe.d usr/lib/modules",
    "usr/lib/modules-load.d usr/lib/pkgconfig usr/lib64/pkgconfig usr/lib/sysctl.d usr/lib/sysusers.d usr/lib/tmpfiles.d",
    "usr/share/appdata usr/share/applications usr/share/doc usr/share/info usr/share/licenses usr/share/metainfo",
    "usr/share/misc usr/share/pixmaps usr/share/pkgconfig usr/share/xml",
    "var/cache var/lib var/local var/lock var/log var/mail var/opt var/run var/spool var/spool/cron var/tmp var/lib/misc",
  ].flatMap((line) => line.split(" ")),
);

/** With everything below them. */
const trees =
  /^(?:usr\/local|usr\/share\/(?:man|locale|icons|mime|bash-completion|zsh|fish|dbus-1|polkit-1|help)|(?:etc|usr\/lib)\/(?:systemd|udev)|etc\/X11)(?:\/|$)/;

/** False for a folder with a mode or an owner of its own: the recipe means that one. */
export function isOfTheSystem({ type, at, ...entry }: Placed): boolean {
  if (type !== "folder" || entry.mode !== undefined || entry.owner !== undefined) return false;
  return folders.has(at) || trees.test(at);
}
