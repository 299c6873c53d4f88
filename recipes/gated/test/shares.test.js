import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { share, split } from "../src/index.js";

describe("shares", () => {
  test("add up, and nobody gets more than a cent too much", () => {
    for (let amount = -50; amount <= 200; amount += 1) {
      const shares = share(amount, [1, 2, 3.5]);
      assert.equal(
        shares.reduce((sum, one) => sum + one, 0),
        amount,
      );
      shares.forEach((one, at) => assert.ok(Math.abs(one - (amount * [1, 2, 3.5][at]) / 6.5) < 1));
    }
  });

  test("are equal as far as cents allow", () => {
    assert.deepEqual(split(100, 3), [34, 33, 33]);
    assert.deepEqual(split(0, 2), [0, 0]);
  });
});

describe("what can't be divided", () => {
  test("is refused", () => {
    assert.throws(() => share(1.5, [1]), RangeError);
    assert.throws(() => share(1, []), RangeError);
    assert.throws(() => share(1, [2, -1]), RangeError);
  });
});
