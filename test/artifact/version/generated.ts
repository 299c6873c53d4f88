// Versions as generators make them: wild ones, of all parts that there are, close to one another so that all parts decide.

import fc from "fast-check";

const number = fc.oneof({ weight: 5, arbitrary: fc.nat(3) }, fc.nat(12), fc.nat(100_000)).map(String);
const word = fc.constantFrom("alpha", "beta", "rc", "dev", "pre", "preview", "snapshot", "SNAPSHOT", "RC", "a", "ab");
const mixed = fc.constantFrom("rc1", "rc10", "x86", "1a", "a-b", "0a", "g0123abc", "--");
const development = fc
  .tuple(number, fc.constantFrom([], ["g0123456789ab"], ["g9876543210"], ["dirty", "g01234567"]))
  .map(([count, marks]) => ["0", "dev", count, ...marks]);
const pre = fc.oneof(
  fc.constant([]),
  { weight: 3, arbitrary: fc.tuple(word, number) },
  fc.array(fc.oneof({ weight: 4, arbitrary: number }, { weight: 4, arbitrary: word }, mixed), { maxLength: 4 }),
);
const rarely = <T>(arbitrary: fc.Arbitrary<T>) => fc.oneof({ weight: 4, arbitrary: fc.constant(null) }, arbitrary);

/** Most are versions in Kiln's own writing. */
export const versions = fc
  .record({
    epoch: rarely(fc.integer({ min: 1, max: 3 })),
    numbers: fc.oneof(
      { weight: 8, arbitrary: fc.tuple(number, number, number) },
      fc.array(number, { minLength: 1, maxLength: 5 }),
    ),
    pre,
    development: rarely(development),
    post: rarely(fc.nat(11)),
    revision: rarely(fc.integer({ min: 1, max: 11 })),
    build: fc.oneof(
      { weight: 4, arbitrary: fc.constant([]) },
      fc.array(fc.oneof(word, number, mixed), { maxLength: 2 }),
    ),
  })
  .map(({ epoch, numbers, pre, development, post, revision, build }) => {
    const before = [...pre, ...(development ?? [])];
    const after = [...(post === null ? [] : ["post", post]), ...(revision === null ? [] : ["rev", revision]), ...build];
    return [
      epoch === null ? "" : `${epoch}!`,
      numbers.join("."),
      before.length === 0 ? "" : `-${before.join(".")}`,
      after.length === 0 ? "" : `+${after.join(".")}`,
    ].join("");
  });

/** Pairs of versions that share much, so that what is last in them decides, too. */
export const pairs = fc.oneof(
  fc.tuple(versions, versions),
  fc.tuple(fc.constantFrom("1.2.0", "1.2.3.4", "2026.11", "1!1.2.0"), versions, versions).map(([core, one, other]) => {
    const withCore = (version: string) => version.replace(/^(?:\d+!)?[0-9.]+/, core);
    return [withCore(one), withCore(other)] as [string, string];
  }),
);

/** Any text that might be taken for a version. */
export const anyText = fc.oneof(
  versions,
  fc.tuple(versions, fc.stringMatching(/^[+~_!.-][0-9a-z.+~-]{0,4}$/)).map((parts) => parts.join("")),
  fc.stringMatching(/^[0-9a-zA-Z.+~!_-]{1,12}$/),
);
