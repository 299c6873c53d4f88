// Every format that is understood, and which of them a file is in: told from its content, never from its name alone.

import { cobertura } from "./cobertura.ts";
import { coveragePy, istanbul } from "./coverage-json.ts";
import { goCover } from "./go-cover.ts";
import { parseJson, isReportError, writeJson } from "./json.ts";
import { junit } from "./junit.ts";
import { lcov } from "./lcov.ts";
import { type JsonFormat, type ReadReport, type ReportContext, type ReportFormat, reportInvalid } from "./report.ts";
import { sarif } from "./sarif.ts";
import { grype, npmAudit, osvScanner, pipAudit, trivy } from "./scanners.ts";
import { readXml, rootOf } from "./xml.ts";

export const formats: readonly ReportFormat[] = [
  junit,
  cobertura,
  lcov,
  istanbul,
  coveragePy,
  goCover,
  sarif,
  trivy,
  grype,
  npmAudit,
  pipAudit,
  osvScanner,
];

/** What a report in no format above is. */
export const otherFormat = "other";

export interface NamedReport extends ReadReport {
  readonly format: string;
}

/** The report in `bytes`, in the format of that name. Throws REPORT_INVALID. */
export function readReportAs(name: string, bytes: Uint8Array, context: ReportContext): NamedReport {
  const format = formats.find((one) => one.name === name);
  if (format === undefined) throw new TypeError(`${name} is no format of reports`);
  const text = textOf(bytes);
  if (text === undefined) throw reportInvalid(context.where, `got bytes that aren't UTF-8, want ${name}`);
  return { format: name, ...readIn(format, text, context) };
}

/**
 * The report in `bytes` in whichever format it is; undefined: in none that is known. Throws REPORT_INVALID for one that is broken,
 * and for a file that calls itself JSON or XML and isn't.
 */
export function readReport(bytes: Uint8Array, context: ReportContext): NamedReport | undefined {
  const text = textOf(bytes);
  if (text === undefined) return undefined;
  const start = text.trimStart();
  if (start.startsWith("{") || start.startsWith("[")) return readJsonReport(text, context);
  const format = start.startsWith("<")
    ? xmlFormatOf(text, context.where)
    : formats.find((one) => one.sort === "lines" && one.begins.test(start));
  return format && { format: format.name, ...readIn(format, text, context) };
}

/** Whether a file that begins so could be a report; `head`: its first bytes. */
export function couldBeReport(head: Uint8Array): boolean {
  const start = Buffer.from(head)
    .toString("latin1")
    .replace(/^\u00ef\u00bb\u00bf/, "")
    .trimStart();
  return /^[<{[]/.test(start) || formats.some((format) => format.sort === "lines" && format.begins.test(start));
}

/** Without a byte order mark; undefined for what isn't UTF-8. */
function textOf(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (error) {
    if (error instanceof TypeError) return undefined;
    throw error;
  }
}

function xmlFormatOf(text: string, where: string): ReportFormat | undefined {
  const root = rootOf(text);
  const format = formats.find(
    (one) => one.sort === "xml" && root !== undefined && one.isRoot(root.name, root.attributes),
  );
  // HTML begins like XML, and a page is nobody's report.
  if (format === undefined && where.endsWith(".xml")) readXml(text, where, {});
  return format;
}

function readJsonReport(text: string, context: ReportContext): NamedReport | undefined {
  let value: unknown;
  try {
    value = parseJson(text, context.where);
  } catch (error) {
    if (isReportError(error) && !/\.(?:json|sarif)$/.test(context.where)) return undefined;
    throw error;
  }
  for (const format of formats) {
    if (format.sort === "json" && format.isOne(value))
      return { format: format.name, ...readValue(format, value, context) };
  }
  return undefined;
}

function readIn(format: ReportFormat, text: string, context: ReportContext): ReadReport {
  if (format.sort === "json") return readValue(format, parseJson(text, context.where), context);
  if (format.sort === "lines") {
    if (!format.begins.test(text.trimStart())) throw reportInvalid(context.where, `got text that isn't ${format.name}`);
    return format.read(text, context);
  }
  const root = rootOf(text);
  if (root !== undefined && !format.isRoot(root.name, root.attributes)) {
    throw reportInvalid(context.where, `got XML of <${root.name.slice(0, 60)}>, want ${format.name}`);
  }
  return format.read(text, context);
}

function readValue(format: JsonFormat, given: unknown, context: ReportContext): ReadReport {
  const { value, ...read } = format.read(given, context);
  return { ...read, text: writeJson(value, context) };
}
