#!/bin/sh
# The program's behaviour, with file systems that are written here.
set -eu
roomleft="$1"
export ROOMLEFT_CONF=/nonexistent

table() {
  echo "Filesystem 1024-blocks Used Available Capacity Mounted on"
  echo "/dev/a 100 95 5 95% /"
  echo "/dev/b 100 10 90 10% /home"
}

expect() {
  [ "$2" = "$3" ] || { echo "$1: got '$2', want '$3'" >&2; exit 1; }
}

expect "a full one" "$(table | sh "$roomleft" || true)" "/: 5% left, want 10%"
expect "none full" "$(table | sh "$roomleft" --least 2)" ""
status=0
table | sh "$roomleft" > /dev/null || status=$?
expect "its status" "$status" 1
echo "3 tests passed"
