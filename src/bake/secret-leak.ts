// No artifact holds a secret: whatever a step that had one did with it, the finished file is read again, member by member,
// for the values as they are. What a build encodes or encrypts isn't found. Costs nothing where no step has secrets.

import type { Context } from "../context.ts";
import { KilnError } from "../errors.ts";
import { kindOf } from "../kinds/index.ts";

/** Shorter lines would be found everywhere. */
const shortest = 8;

export interface LeakQuestion {
  readonly artifact: string;
  readonly kind: string;
  /** Absolute path of the packed file. */
  readonly path: string;
  /** Names of the variables whose values are secret. */
  readonly secrets: ReadonlySet<string>;
  readonly context: Pick<Context, "env" | "signal">;
}

/** Throws ARTIFACT_INVALID, which names the file inside and the secret, never its value. */
export async function refuseSecrets({ artifact, kind, path, secrets, context }: LeakQuestion): Promise<void> {
  const wanted = [...secrets].flatMap((name) =>
    (context.env[name] ?? "")
      .split("\n")
      .map((line) => line.trim())
      .filter((line) => line.length >= shortest)
      .map((line) => ({ name, bytes: Buffer.from(line) })),
  );
  if (wanted.length === 0) return;
  const longest = Math.max(...wanted.map(({ bytes }) => bytes.length));
  let found: { readonly name: string; readonly member: string } | undefined;
  await kindOf(kind).readMembers(path, {
    ...context,
    onMember: (member) => {
      // A value may begin in one piece and end in the next.
      let before: Buffer = Buffer.alloc(0);
      return (piece) => {
        if (found !== undefined) return;
        const both = Buffer.concat([before, piece]);
        const one = wanted.find(({ bytes }) => both.includes(bytes));
        if (one !== undefined) found = { name: one.name, member: member.path };
        before = both.subarray(Math.max(0, both.length - longest + 1));
      };
    },
  });
  if (found === undefined) return;
  throw new KilnError("ARTIFACT_INVALID", `${artifact}: got the value of the secret ${found.name} in ${found.member}`, {
    hint: `the step that has ${found.name} wrote it into the source: let it write below $HOME, or remove it again`,
  });
}
