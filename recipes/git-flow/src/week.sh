#!/bin/sh
# Prints the ISO week of a date, or of today.
set -eu
version=@VERSION@
case "${1:-}" in
  --version) echo "week $version" ;;
  *) date -u -d "${1:-now}" +%G-W%V ;;
esac
