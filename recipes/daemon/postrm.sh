#!/bin/sh
set -e

#DEBHELPER#

# What was filed away is the administrator's; what is empty is nobody's.
if [ "$1" = purge ] && [ -d /var/spool/spoold ]; then
  find /var/spool/spoold -depth -type d -empty -delete
fi
