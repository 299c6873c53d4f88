// What a step prints: into its log as it comes, to the reporter line by line, and its last lines kept for the error.
// Secrets are replaced before anything is written, in whole lines, so that a piece that ends within one hides nothing.

import { createWriteStream } from "node:fs";
import { finished } from "node:stream/promises";
import { StringDecoder } from "node:string_decoder";

import { createRedaction } from "../system/redaction.ts";

const longestLine = 64 * 1024;
const kept = 20;

export interface StepLog {
  write(piece: Buffer): void;
  /** Writes what is left and closes the file. */
  close(): Promise<void>;
  /** The last lines, at most 20. */
  tail(): readonly string[];
}

export interface StepLogOptions {
  /** Absolute path of the new file. */
  readonly path: string;
  readonly secrets: readonly string[];
  readonly onLine: (line: string) => void;
}

export function openStepLog({ path, secrets, onLine }: StepLogOptions): StepLog {
  const file = createWriteStream(path, { flags: "wx", mode: 0o644 });
  const ended = finished(file);
  // Awaited in close(); until then a full disk must not count as nobody's.
  ended.catch(() => undefined);
  const decoder = new StringDecoder("utf8");
  const redaction = createRedaction();
  for (const secret of secrets) redaction.add(secret);
  const redact = redaction.apply;
  const longest = redaction.longest();
  const last: string[] = [];
  let open = "";
  const end = (line: string): void => {
    const shown = redact(line.replace(/\r$/, ""));
    file.write(`${shown}\n`);
    onLine(shown);
    last.push(shown);
    if (last.length > kept) last.shift();
  };
  return {
    write(piece) {
      const lines = (open + decoder.write(piece)).split("\n");
      open = lines.pop() ?? "";
      for (const line of lines) end(line);
      if (open.length <= longestLine + longest) return;
      // Whole secrets are replaced first, so that only the start of one can be cut through, and that is held back.
      open = redact(open);
      end(open.slice(0, open.length - longest));
      open = open.slice(open.length - longest);
    },
    async close() {
      open += decoder.end();
      if (open !== "") end(open);
      file.end();
      await ended;
    },
    tail: () => last,
  };
}
