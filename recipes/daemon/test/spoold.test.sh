#!/bin/sh
# What spoold does, asked of the program that was built: sh test/spoold.test.sh build/spoold
set -eu

program=$1
folder=$(mktemp -d)
trap 'rm -r "$folder"' EXIT
mkdir "$folder/in"
printf 'incoming=%s/in\nfiled=%s/out\nquiet=60\n' "$folder" "$folder" >"$folder/conf"

expect() {
  [ "$2" = "$3" ] || { echo "$1: got '$2', want '$3'"; exit 1; }
}

echo old >"$folder/in/old"
touch -d 2001-02-03T07:08:09Z "$folder/in/old"
expect "a file that was left alone" "$("$program" --once --conf "$folder/conf")" 2001-02-03/old
expect "its content" "$(cat "$folder/out/2001-02-03/old")" old

touch "$folder/in/new"
expect "a file that is being written" "$("$program" --once --conf "$folder/conf")" ""
rm "$folder/in/new"

echo other >"$folder/in/old"
touch -d 2001-02-03T07:08:09Z "$folder/in/old"
expect "a second one of this name" "$("$program" --once --conf "$folder/conf")" ""
expect "the first one" "$(cat "$folder/out/2001-02-03/old")" old

if "$program" --once --conf "$folder/none" 2>/dev/null; then echo "no settings: got success"; exit 1; fi
