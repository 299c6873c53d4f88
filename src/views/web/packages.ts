// What of a release a stock client installs, by the name that the client knows. The records were written by whoever baked: a name
// that no client takes isn't shown.

import type { Artifact, Manifest } from "../../artifact/manifest.ts";
import type { Package } from "./state.ts";

/** Kind → the member of the record that has the name. */
const members: Readonly<Record<string, string>> = {
  deb: "Package",
  "venv-deb": "Package",
  rpm: "name",
  wheel: "name",
  sdist: "name",
  npm: "name",
  chart: "name",
};

/** As clients see them: a .deb is a .deb, however it was packed. */
const families: Readonly<Record<string, string>> = { "venv-deb": "deb", sdist: "wheel" };

/** More are no use on a page. */
const mostPackages = 20;

/** Each package once, and what `kiln-deploy` puts into service. */
export function packagesOf({ artifacts, activate, name }: Manifest): Package[] {
  const found = new Map<string, Package>();
  const add = (kind: string, of: string) => found.set(`${kind} ${of}`, { kind, name: of });
  for (const artifact of artifacts) {
    const of = nameIn(artifact);
    if (of !== undefined) add(families[artifact.kind] ?? artifact.kind, of);
  }
  if (Object.keys(activate).length > 0) add("deploy", name);
  return [...found.values()].slice(0, mostPackages);
}

function nameIn({ kind, record }: Artifact): string | undefined {
  const of = Object.hasOwn(members, kind) ? record[members[kind] ?? ""] : undefined;
  return typeof of === "string" && /^(?:@[a-z0-9][\w.-]*\/)?[A-Za-z0-9_][\w.+-]{0,200}$/.test(of) ? of : undefined;
}

/** What the release is, in its own words: the first line of a description that one of its records has. */
export function summaryOf({ artifacts }: Manifest): string | undefined {
  for (const { record } of artifacts) {
    for (const member of ["Description", "description", "Summary", "summary"]) {
      const text = record[member];
      if (typeof text === "string" && text.trim() !== "") return text.trim().split("\n")[0]?.slice(0, 200);
    }
  }
  return undefined;
}
