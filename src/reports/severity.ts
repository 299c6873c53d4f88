// Severities of findings, in four words whoever found them, and `unknown` where nobody says.

import type { severities } from "../artifact/gate.ts";

type Word = (typeof severities)[number] | "unknown";

export type Counts = Record<Word, number> & { findings: number };

const synonyms: Readonly<Record<string, Word>> = {
  critical: "critical",
  high: "high",
  important: "high",
  medium: "medium",
  moderate: "medium",
  low: "low",
  negligible: "low",
  minor: "low",
  info: "low",
  none: "low",
};

/** Of a scanner's word, in any case. */
export function severityOf(word: string | null | undefined): Word {
  const known = word?.toLowerCase() ?? "";
  return Object.hasOwn(synonyms, known) ? (synonyms[known] as Word) : "unknown";
}

/** Of a CVSS score, as CVSS 3 and 4 rate it. */
export function severityOfScore(score: number): Word {
  if (!(score >= 0 && score <= 10)) return "unknown";
  if (score >= 9) return "critical";
  if (score >= 7) return "high";
  return score >= 4 ? "medium" : "low";
}

/** How many findings there are of each severity, and of all together. */
export function countsOf(found: Iterable<Word>): Counts {
  const counts = { critical: 0, high: 0, medium: 0, low: 0, unknown: 0, findings: 0 };
  for (const word of found) {
    counts[word] += 1;
    counts.findings += 1;
  }
  return counts;
}
