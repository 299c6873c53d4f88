// Dividing money: the shares of an amount in cents, as fair as whole cents can be, always add up to it.

/** `amount` in cents, by weights of any size: what is left over goes to those who lost the most by rounding. */
export function share(amount, weights) {
  if (!Number.isSafeInteger(amount)) throw new RangeError(`got ${amount}, want whole cents`);
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  if (!(total > 0) || weights.some((weight) => weight < 0)) {
    throw new RangeError("want weights from 0 on, and one above it");
  }
  const exact = weights.map((weight) => (amount * weight) / total);
  const shares = exact.map(Math.floor);
  const order = exact.map((value, at) => [value - Math.floor(value), at]).toSorted(([a, i], [b, j]) => b - a || i - j);
  const left = amount - shares.reduce((sum, one) => sum + one, 0);
  for (const [, at] of order.slice(0, left)) shares[at] += 1;
  return shares;
}

/** Equal shares for `count`. */
export function split(amount, count) {
  return share(
    amount,
    Array.from({ length: count }, () => 1),
  );
}
