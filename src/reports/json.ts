// JSON of reports: parsed, walked within a depth, and written anew in one form, so that only what it says decides the bytes.

import type { z } from "zod";

import { KilnError } from "../errors.ts";
import { reportInvalid, withoutFolder } from "./report.ts";

const deepest = 200;

/** Throws REPORT_INVALID. */
export function parseJson(text: string, where: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (cause) {
    if (!(cause instanceof SyntaxError)) throw cause;
    throw reportInvalid(where, `got text that isn't JSON: ${cause.message.split("\n")[0]?.slice(0, 120)}`, cause);
  }
}

/** `value` as this schema has it; what it has besides is left out. Throws REPORT_INVALID. */
export function expectShape<T>(schema: z.ZodType<T>, value: unknown, where: string): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const path = issue?.path.map(String).join(".").slice(0, 120) ?? "";
  throw reportInvalid(
    where,
    `${path === "" ? "the report" : path}: ${issue?.message ?? "another shape"}`,
    result.error,
  );
}

/** The text of a report's value, paths below `folder` relative. Throws REPORT_INVALID for one that is too deep. */
export function writeJson(
  value: unknown,
  { where, folder }: { readonly where: string; readonly folder: string },
): string {
  const relative = (one: unknown, depth: number): unknown => {
    if (depth > deepest) throw reportInvalid(where, `got values nested more than ${deepest} deep`);
    if (typeof one === "string") return withoutFolder(one, folder);
    if (Array.isArray(one)) return one.map((item) => relative(item, depth + 1));
    if (typeof one !== "object" || one === null) return one;
    return Object.fromEntries(
      Object.entries(one).map(([key, member]) => [withoutFolder(key, folder), relative(member, depth + 1)]),
    );
  };
  return `${JSON.stringify(relative(value, 0), null, 2)}\n`;
}

/** Whether `value` is an object with these members. */
export function hasMembers(value: unknown, ...names: readonly string[]): value is Record<string, unknown> {
  return (
    typeof value === "object" &&
    value !== null &&
    !Array.isArray(value) &&
    names.every((name) => Object.hasOwn(value, name))
  );
}

/** `value` with some members changed where they are; nothing is added. */
export function replaceMembers(value: unknown, changes: Readonly<Record<string, unknown>>): unknown {
  if (!hasMembers(value)) return value;
  const entries = Object.entries(value);
  return Object.fromEntries(entries.map(([key, own]) => [key, Object.hasOwn(changes, key) ? changes[key] : own]));
}

/** True for what a report may be: never a failure of Kiln's own. */
export function isReportError(error: unknown): error is KilnError {
  return error instanceof KilnError && error.code === "REPORT_INVALID";
}
