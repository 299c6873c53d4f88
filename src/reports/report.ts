// Reports of tests, coverage and scans, as far as a gate is concerned: which format a file is in, which numbers it says, and its
// text without what a clock or a build folder left in it, so that the same results are the same bytes. A report was written
// by code that nobody vouches for: it is bounded before it is read, and every parser ends in one clear error.

import { KilnError } from "../errors.ts";

/** Bytes: what is longer is no report that a person, or a gate, reads. */
export const reportLimit = 16 * 1024 * 1024;

export interface ReadReport {
  /** Name → number; a gate compares them. */
  readonly numbers: Readonly<Record<string, number>>;
  /** Of all of them. */
  readonly unit?: "%";
  /** The report as it is kept. */
  readonly text: string;
}

export interface ReportContext {
  /** The file, for messages. */
  readonly where: string;
  /** How the build saw its source, absolute: such paths are written relative to it. */
  readonly folder: string;
  /** SOURCE_DATE_EPOCH: stands where a clock was. */
  readonly time: number;
}

/** A format whose text is XML: told by its first element. */
export interface XmlFormat {
  readonly sort: "xml";
  readonly name: string;
  isRoot(name: string, attributes: Readonly<Record<string, string>>): boolean;
  read(text: string, context: ReportContext): ReadReport;
}

/** A format whose text is JSON: told by its members. */
export interface JsonFormat {
  readonly sort: "json";
  readonly name: string;
  isOne(value: unknown): boolean;
  read(value: unknown, context: ReportContext): Omit<ReadReport, "text"> & { readonly value: unknown };
}

/** A format in lines: told by how it begins. */
export interface LineFormat {
  readonly sort: "lines";
  readonly name: string;
  readonly begins: RegExp;
  read(text: string, context: ReportContext): ReadReport;
}

export type ReportFormat = XmlFormat | JsonFormat | LineFormat;

/** An error of a report's content. */
export function reportInvalid(where: string, problem: string, cause?: unknown): KilnError {
  return new KilnError("REPORT_INVALID", `${where}: ${problem}`, {
    hint: "let the tool that writes it finish, or keep the file without numbers: `format: other`",
    cause,
  });
}

/** Paths below `folder`, relative to it, wherever they stand in `text`. */
export function withoutFolder(text: string, folder: string): string {
  return text.replaceAll(`${folder}/`, "").replaceAll(folder, ".");
}

/** Of counts, in hundredths, cut off: 100 says that all of it is. Nothing to cover is all of it. */
export function percent(covered: number, total: number): number {
  return total === 0 ? 100 : Math.floor((covered * 10_000) / total) / 100;
}
