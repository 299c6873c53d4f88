// What an attestation says, once its signature holds: of which artifacts, and for a provenance, from which commit. A
// signature alone isn't enough: a valid attestation of another artifact could have been put beside this one.

import { z } from "zod";

import { canonicalText, isCanonical, parseStored } from "../artifact/json.ts";
import type { Manifest } from "../artifact/manifest.ts";
import { predicateTypes } from "../artifact/statement.ts";
import { KilnError } from "../errors.ts";

const statementSchema = z.strictObject({
  _type: z.literal("https://in-toto.io/Statement/v1"),
  subject: z.array(z.strictObject({ name: z.string(), digest: z.strictObject({ sha256: z.string() }) })).min(1),
  predicateType: z.string(),
  predicate: z.unknown(),
});

const provenanceSchema = z.looseObject({
  buildDefinition: z.looseObject({
    resolvedDependencies: z.array(z.looseObject({ digest: z.record(z.string(), z.string()).optional() })).optional(),
  }),
});

type Predicate = keyof typeof predicateTypes;

/** What may stand where a release says where it comes from. */
export const origins: readonly Predicate[] = ["provenance", "import"];

export type Statement = z.infer<typeof statementSchema>;

/**
 * The statement in `bytes`, of this predicate (of any, without one), about an artifact with this digest. Throws STORE_CORRUPT,
 * SUBJECT_MISMATCH.
 */
export function requireStatement(
  bytes: Uint8Array,
  want: { readonly predicates?: readonly Predicate[]; readonly sha256: string; readonly where: string },
): Statement {
  const { where } = want;
  const result = statementSchema.safeParse(parseStored(bytes, where));
  if (!result.success) throw new KilnError("STORE_CORRUPT", `${where}: ${z.prettifyError(result.error)}`);
  const statement = result.data;
  // A member that stands there twice would be read differently by different readers.
  if (!isCanonical(statement, bytes)) {
    throw new KilnError("STORE_CORRUPT", `${where}: got a statement that isn't in canonical JSON`);
  }
  const wanted = want.predicates?.map((predicate) => predicateTypes[predicate]);
  if (wanted?.some((type) => type === statement.predicateType) === false) {
    const got = `got a statement of ${statement.predicateType}, want ${wanted.join(" or ")}`;
    throw new KilnError("SUBJECT_MISMATCH", `${where}: ${got}`);
  }
  if (!statement.subject.some(({ digest }) => digest.sha256 === want.sha256)) {
    const got = statement.subject.map(({ name }) => name).join(", ");
    throw new KilnError("SUBJECT_MISMATCH", `${where}: got a statement about ${got}, want one about ${want.sha256}`);
  }
  return statement;
}

/**
 * Refuses a provenance that isn't about exactly this release's artifacts and its commit; of an import, one that says something else
 * of its files than the manifest. Throws SUBJECT_MISMATCH.
 */
export function requireProvenanceOf(manifest: Manifest, statement: Statement, where: string): void {
  requireSubjects(manifest.artifacts, statement, where);
  if (manifest.imported !== undefined) {
    if (canonicalText(statement.predicate) === canonicalText(manifest.imported)) return;
    throw new KilnError("SUBJECT_MISMATCH", `${where}: got other words about the import than the manifest has`);
  }
  const { commit } = manifest.source;
  if (commit !== null && !commitsOf(statement, where).includes(commit)) {
    throw new KilnError("SUBJECT_MISMATCH", `${where}: got a provenance that doesn't name the commit ${commit}`);
  }
}

/** Refuses a statement that isn't about exactly these artifacts. Throws SUBJECT_MISMATCH. */
export function requireSubjects(about: Manifest["artifacts"], statement: Statement, where: string): void {
  const subjects = statement.subject.map(({ name, digest }) => `${name} ${digest.sha256}`).toSorted();
  const artifacts = about.map(({ file, sha256 }) => `${file} ${sha256}`).toSorted();
  if (subjects.join("\n") !== artifacts.join("\n")) {
    const got = statement.subject.map(({ name }) => name).join(", ");
    throw new KilnError(
      "SUBJECT_MISMATCH",
      `${where}: got a statement about ${got}, want one about ${about.map(({ file }) => file).join(", ")}`,
    );
  }
}

/** The git commits that a provenance says went into the bake; of an import none are known. Throws STORE_CORRUPT. */
export function commitsOf(statement: Statement, where: string): string[] {
  if (statement.predicateType === predicateTypes.import) return [];
  const result = provenanceSchema.safeParse(statement.predicate);
  if (!result.success) throw new KilnError("STORE_CORRUPT", `${where}: ${z.prettifyError(result.error)}`);
  return (result.data.buildDefinition.resolvedDependencies ?? []).flatMap(({ digest }) => digest?.["gitCommit"] ?? []);
}
