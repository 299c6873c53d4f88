#!/bin/sh
# keepdays: which dated backups may go. Reads names from standard input, prints those that nothing keeps.
set -eu

conf=/etc/keepdays.conf
usage="usage: keepdays [--conf FILE] < NAMES, or keepdays --version"

while [ $# -gt 0 ]; do
  case $1 in
    --version) echo "keepdays @VERSION@"; exit 0 ;;
    --help) echo "$usage"; exit 0 ;;
    --conf) [ $# -ge 2 ] || { echo "$usage" >&2; exit 2; }; conf=$2; shift 2 ;;
    *) echo "$usage" >&2; exit 2 ;;
  esac
done

DAYS=7 WEEKS=4 MONTHS=12
if [ -e "$conf" ]; then
  while IFS='=' read -r key value; do
    case $key in
      '' | \#*) continue ;;
      DAYS | WEEKS | MONTHS) ;;
      *) echo "keepdays: $conf: got the unknown setting $key" >&2; exit 2 ;;
    esac
    case $value in
      '' | *[!0-9]*) echo "keepdays: $conf: $key: got '$value', want a number" >&2; exit 2 ;;
    esac
    eval "$key=$value"
  done < "$conf"
fi

# Newest first; the first of each day, week and month is the one that is kept.
awk '
  match($0, /[0-9][0-9][0-9][0-9]-[01][0-9]-[0-3][0-9]/) {
    print substr($0, RSTART, RLENGTH) "\t" $0
    next
  }
  { print "keepdays: no date in " $0 > "/dev/stderr" }
' | sort -r | awk -F '\t' -v days="$DAYS" -v weeks="$WEEKS" -v months="$MONTHS" '
  # Days since 1970-01-01, which was a Thursday.
  function number(date,   y, m, d, era, yoe, doy) {
    y = substr(date, 1, 4) + 0; m = substr(date, 6, 2) + 0; d = substr(date, 9, 2) + 0
    if (m <= 2) y -= 1
    era = int(y / 400); yoe = y - era * 400
    doy = int((153 * (m + (m > 2 ? -3 : 9)) + 2) / 5) + d - 1
    return era * 146097 + yoe * 365 + int(yoe / 4) - int(yoe / 100) + doy - 719468
  }
  {
    day = $1; week = int((number($1) + 3) / 7); month = substr($1, 1, 7); kept = 0
    if (!(day in days_seen)) { days_seen[day] = 1; if (days > 0) { days--; kept = 1 } }
    if (!(week in weeks_seen)) { weeks_seen[week] = 1; if (weeks > 0) { weeks--; kept = 1 } }
    if (!(month in months_seen)) { months_seen[month] = 1; if (months > 0) { months--; kept = 1 } }
    if (!kept) print substr($0, length($1) + 2)
  }
'
