#!/bin/sh
# Runs the program that was built; prints what differs and fails.
set -eu
program=$1
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
failed=0

check() {
  printf '%s\n' "$2" > "$scratch/want"
  if diff "$scratch/want" "$scratch/got" > "$scratch/diff"; then
    echo "ok: $1"
  else
    echo "not ok: $1"
    cat "$scratch/diff"
    failed=1
  fi
}

printf 'DAYS=2\nWEEKS=2\nMONTHS=2\n' > "$scratch/conf"
cat > "$scratch/names" <<END
db-2024-03-15.sql
db-2024-03-15-evening.sql
db-2024-03-14.sql
db-2024-03-13.sql
db-2024-03-08.sql
db-2024-03-01.sql
db-2024-02-20.sql
db-2024-02-10.sql
db-2023-12-31.sql
END
"$program" --conf "$scratch/conf" < "$scratch/names" > "$scratch/got"
check "one a day, a week and a month is kept, the newest of each" "db-2024-03-15-evening.sql
db-2024-03-13.sql
db-2024-03-01.sql
db-2024-02-10.sql
db-2023-12-31.sql"

printf 'DAYS=many\n' > "$scratch/bad"
"$program" --conf "$scratch/bad" < /dev/null > "$scratch/got" 2>&1 || echo "status $?" >> "$scratch/got"
check "a setting that is no number is refused" "keepdays: $scratch/bad: DAYS: got 'many', want a number
status 2"

"$program" --conf "$scratch/conf" < /dev/null > "$scratch/got"
printf '' > "$scratch/empty"
cmp -s "$scratch/empty" "$scratch/got" && echo "ok: nothing in, nothing out" || failed=1

exit $failed
