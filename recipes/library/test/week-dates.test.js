import assert from "node:assert/strict";
import { test } from "node:test";

import { formatWeekDate, parseWeekDate, weekDateOf } from "../src/index.js";

// Of the days around New Year, where week and calendar years part.
const known = {
  "2005-01-01": "2004-W53-6",
  "2005-12-31": "2005-W52-6",
  "2006-01-02": "2006-W01-1",
  "2008-12-29": "2009-W01-1",
  "2010-01-03": "2009-W53-7",
  "2020-12-31": "2020-W53-4",
  "2024-02-29": "2024-W09-4",
};

for (const [date, week] of Object.entries(known)) {
  test(`${date} is ${week}, and back`, () => {
    assert.equal(formatWeekDate(weekDateOf(new Date(`${date}T23:59:59Z`))), week);
    assert.equal(parseWeekDate(week).toISOString().slice(0, 10), date);
  });
}

test("every day of forty years comes back", () => {
  for (let time = Date.UTC(1990, 0, 1); time < Date.UTC(2030, 0, 1); time += 86_400_000) {
    assert.equal(parseWeekDate(formatWeekDate(weekDateOf(new Date(time)))).getTime(), time);
  }
});

for (const text of ["", "2026-03-05", "2026-W3-1", "2026-W03-8", "2026-W00-1", "2025-W53-1"]) {
  test(`${JSON.stringify(text)} is no week date`, () => assert.throws(() => parseWeekDate(text), RangeError));
}
