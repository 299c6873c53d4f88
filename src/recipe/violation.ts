// What a schema says about a value, in our words: every message of zod's becomes what was wanted ("a string", "one of …"),
// and the parser puts "got …" before it. A schema's own messages are what is wanted, too, unless they carry `asItIs`.

import { z } from "zod";

import { nearest } from "../nearest.ts";

/** The `params` of an issue whose message is a whole sentence. */
export const asItIs = { asItIs: true } as const;

export interface Violation {
  readonly path: readonly PropertyKey[];
  /** What was wanted, or a whole sentence. */
  readonly message: string;
  /** Whether "got …" belongs before the message. */
  readonly whole: boolean;
  /** Whether it is about the key at the end of the path, not the value. */
  readonly ofKey: boolean;
}

/** The words for an issue: pass it to zod as `error`. */
export function wanted(issue: z.core.$ZodRawIssue): string {
  switch (issue.code) {
    case "invalid_type":
      return typeNames[issue.expected] ?? issue.expected;
    case "invalid_value":
      return oneOf(issue.values, issue.input);
    case "invalid_union":
      if ("options" in issue && Array.isArray(issue.options)) return oneOf(issue.options, discriminating(issue));
      return "another value";
    case "unrecognized_keys":
      return unknownKeys(issue.keys, issue.inst);
    case "invalid_format":
      return issue.format === "regex" ? `text that matches ${issue.pattern}` : `text in the form of ${issue.format}`;
    case "too_small":
      return `at least ${amount(issue.minimum, issue.origin)}`;
    case "too_big":
      return `at most ${amount(issue.maximum, issue.origin)}`;
    default:
      return "another value";
  }
}

/**
 * Flattens zod's issues: of a union's alternatives, only the one that was meant; beside a key that is unknown, not that the
 * key that was meant is missing.
 */
export function violationsOf(issues: readonly z.core.$ZodIssue[]): Violation[] {
  const all = flatten(issues, []);
  const unknown = all.filter(({ ofKey, whole }) => ofKey && whole);
  const explained = new Set(unknown.flatMap(explainedBy));
  return all.filter(({ ofKey, path }) => ofKey || !explained.has(pathText(path)));
}

/** Paths whose violations are only there because of the unknown key: the map it stands in, and the key that was meant. */
function explainedBy({ path, message }: Violation): string[] {
  const map = path.slice(0, -1);
  const meant = /; did you mean `(.*)`\?$/.exec(message)?.[1];
  return [pathText(map), ...(meant === undefined ? [] : [pathText([...map, meant])])];
}

function pathText(path: readonly PropertyKey[]): string {
  return JSON.stringify(path);
}

function flatten(issues: readonly z.core.$ZodIssue[], at: readonly PropertyKey[]): Violation[] {
  return issues.flatMap((issue): Violation[] => {
    const path = [...at, ...issue.path];
    const value = { path, message: issue.message, whole: false, ofKey: false };
    switch (issue.code) {
      case "unrecognized_keys": {
        const messages = issue.message.split("\n");
        return issue.keys.map((key, index) => ({
          path: [...path, key],
          message: messages[index] ?? issue.message,
          whole: true,
          ofKey: true,
        }));
      }
      case "invalid_key":
        return [{ ...value, message: issue.issues[0]?.message ?? issue.message, ofKey: true }];
      case "invalid_union":
        return issue.errors.length === 0 ? [value] : ofAlternatives(issue.errors, path);
      case "custom":
        return [{ ...value, whole: issue.params?.["asItIs"] === true }];
      default:
        return [value];
    }
  });
}

/** An alternative of another type than the value was never meant; of those left, the one with the fewest faults was. */
function ofAlternatives(
  alternatives: readonly (readonly z.core.$ZodIssue[])[],
  path: readonly PropertyKey[],
): Violation[] {
  const likely = alternatives.filter((issues) => !isOtherType(issues)).map((issues) => flatten(issues, path));
  const [best] = likely.toSorted((one, other) => one.length - other.length);
  if (best !== undefined) return best;
  const message = [...new Set(alternatives.flat().map((issue) => issue.message))].join(" or ");
  return [{ path, message, whole: false, ofKey: false }];
}

function isOtherType(issues: readonly z.core.$ZodIssue[]): boolean {
  return issues.some((issue) => issue.code === "invalid_type" && issue.path.length === 0);
}

const typeNames: Readonly<Record<string, string>> = {
  array: "a list",
  boolean: "true or false",
  int: "a whole number",
  number: "a number",
  object: "a map",
  record: "a map",
  string: "a string",
  tuple: "a list",
};

function oneOf(values: readonly unknown[], got: unknown): string {
  const names = values.map(String);
  const meant = typeof got === "string" ? nearest(got, names) : undefined;
  const list = names.length === 1 ? names[0] : `one of ${names.join(", ")}`;
  return meant === undefined || names.length === 1 ? `${list}` : `${list}; did you mean \`${meant}\`?`;
}

/** What the map says under the key that tells a union's alternatives apart. */
function discriminating(issue: { readonly input: unknown; readonly discriminator?: string | undefined }): unknown {
  const { input, discriminator } = issue;
  return typeof input === "object" && input !== null && discriminator !== undefined
    ? (input as Record<string, unknown>)[discriminator]
    : undefined;
}

/** One line for each of the keys. */
function unknownKeys(keys: readonly string[], schema: unknown): string {
  const known = schema instanceof z.ZodObject ? Object.keys(schema.shape) : [];
  return keys
    .map((key) => {
      const meant = nearest(key, known);
      return `unknown key \`${shorten(key)}\`${meant === undefined ? `, want one of ${known.join(", ")}` : `; did you mean \`${meant}\`?`}`;
    })
    .join("\n");
}

function amount(bound: number | bigint, origin: string): string {
  if (origin === "string") return bound === 1 ? "1 character" : `${bound} characters`;
  if (origin === "array") return bound === 1 ? "1 item" : `${bound} items`;
  return String(bound);
}

/** `text` on one line, cut after 60 characters. */
export function shorten(text: string): string {
  const line = text.replaceAll(/\s+/g, " ");
  return line.length > 60 ? `${line.slice(0, 60)}…` : line;
}
