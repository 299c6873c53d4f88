import { expect, test } from "vitest";

import { longestPause } from "../../src/publish/pause.ts";

test("the wait grows with lost races, and shrinks again for whoever lost many: newcomers don't overtake for ever", () => {
  const waits = Array.from({ length: 14 }, (_, at) => longestPause(at + 1, 0));
  expect(waits).toEqual([20, 20, 40, 80, 160, 320, 160, 80, 40, 20, 20, 20, 20, 20]);
});

test("where a try takes long, so does the wait", () => {
  expect(longestPause(1, 500)).toBe(2000);
  expect(longestPause(10, 500)).toBe(125);
});
