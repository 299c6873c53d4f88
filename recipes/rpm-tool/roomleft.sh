#!/bin/sh
# roomleft: says which file systems are nearly full.
set -eu

version="@VERSION@"
settings="${ROOMLEFT_CONF:-/etc/roomleft.conf}"
least=10

usage() {
  echo "usage: roomleft [--version] [--least PERCENT] < df -P"
  echo "Without input from a pipe it asks df itself."
}

# Lines like `least=10`, and comments.
if [ -r "$settings" ]; then
  while IFS='=' read -r key value; do
    case "$key" in
      least) least="$value" ;;
    esac
  done < "$settings"
fi

while [ $# -gt 0 ]; do
  case "$1" in
    --version) echo "roomleft $version"; exit 0 ;;
    --least) least="${2:?--least wants a number}"; shift 2 ;;
    *) usage >&2; exit 2 ;;
  esac
done

list() {
  if [ -p /dev/stdin ]; then cat; else df -P; fi
}

list | awk -v least="$least" '
  NR > 1 {
    left = 100 - $5
    if (left < least) { print $6 ": " left "% left, want " least "%"; found = 1 }
  }
  END { exit found }
'
