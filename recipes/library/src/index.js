// ISO 8601 week dates. A week belongs to the year that its Thursday is in. All dates are UTC days.

const day = 86_400_000;

/** The week date of a `Date`: year, week 1 to 53, weekday 1 (Monday) to 7. */
export function weekDateOf(date) {
  const midnight = Date.UTC(date.getUTCFullYear(), date.getUTCMonth(), date.getUTCDate());
  const weekday = ((date.getUTCDay() + 6) % 7) + 1;
  const thursday = new Date(midnight + (4 - weekday) * day);
  const year = thursday.getUTCFullYear();
  return { year, week: Math.floor((thursday.getTime() - Date.UTC(year, 0, 1)) / (7 * day)) + 1, weekday };
}

/** `2026-W03-5` */
export function formatWeekDate({ year, week, weekday }) {
  return `${String(year).padStart(4, "0")}-W${String(week).padStart(2, "0")}-${weekday}`;
}

/** The `Date` of a week date's text, at midnight UTC. Throws a RangeError for text that is none. */
export function parseWeekDate(text) {
  const match = /^(\d{4})-W(\d{2})-([1-7])$/.exec(text);
  if (match === null) throw new RangeError(`got ${JSON.stringify(text)}, want a week date such as 2026-W03-5`);
  const [year, week, weekday] = match.slice(1).map(Number);
  // January 4th is always in week 1.
  const fourth = new Date(Date.UTC(year, 0, 4));
  const monday = fourth.getTime() - ((fourth.getUTCDay() + 6) % 7) * day;
  const date = new Date(monday + (week - 1) * 7 * day + (weekday - 1) * day);
  if (formatWeekDate(weekDateOf(date)) !== text) throw new RangeError(`got ${text}: ${year} has no week ${week}`);
  return date;
}
