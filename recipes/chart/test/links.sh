#!/bin/sh
# Every page that a page links to is there.
set -eu
cd "$1"
for page in *.html; do
  for target in $(grep -o 'href="[^":]*"' "$page" | cut -d '"' -f 2); do
    [ -f "$target" ] || { echo "$page: got a link to $target, which isn't there" >&2; exit 1; }
  done
done
echo "all links lead somewhere"
