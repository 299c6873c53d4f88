// Components of an SBOM: a locked package, a package that an installer brings, and the base with the packages in it.

import { Contrib, Enums, Models } from "@cyclonedx/cyclonedx-library";
import { PackageURL } from "packageurl-js";
import parseExpression from "spdx-expression-parse";

import type { ResolvedBase } from "../../bases/base.ts";
import type { LockedPackage, LockReader } from "./lock.ts";

const licenses = new Contrib.License.Factories.LicenseFactory(parseExpression);

const scopes = {
  required: Enums.ComponentScope.Required,
  optional: Enums.ComponentScope.Optional,
  excluded: Enums.ComponentScope.Excluded,
};

const algorithms: Readonly<Record<string, Enums.HashAlgorithm>> = {
  md5: Enums.HashAlgorithm.MD5,
  sha1: Enums.HashAlgorithm["SHA-1"],
  sha256: Enums.HashAlgorithm["SHA-256"],
  sha384: Enums.HashAlgorithm["SHA-384"],
  sha512: Enums.HashAlgorithm["SHA-512"],
};

export function lockedComponent(locked: LockedPackage, ecosystem: LockReader["ecosystem"]): Models.Component {
  const { group, name } = splitName(locked.name, ecosystem);
  const component = new Models.Component(Enums.ComponentType.Library, name, {
    ...(group === undefined ? {} : { group }),
    bomRef: locked.purl,
    version: locked.version,
    purl: locked.purl,
    scope: scopes[locked.scope],
  });
  if (locked.license !== undefined) component.licenses.add(licenseOf(locked.license));
  const [only] = locked.files;
  if (only !== undefined && locked.files.length === 1) setHashes(component.hashes, only.hashes);
  // With several files none of their digests is the package's: each stands with the file that it is of.
  else for (const file of locked.files) component.externalReferences.add(distribution(file, locked.purl));
  for (const { hashes } of locked.files) {
    if (hashes["dirHash"] === undefined) continue;
    const value = `h1:${Buffer.from(hashes["dirHash"], "hex").toString("base64")}`;
    component.properties.add(new Models.Property("kiln:go:dirhash", value));
  }
  // The name that CycloneDX's own npm tool uses.
  if (locked.scope === "excluded" && ecosystem === "npm") {
    component.properties.add(new Models.Property("cdx:npm:package:development", "true"));
  }
  return component;
}

function splitName(name: string, ecosystem: LockReader["ecosystem"]): { group?: string; name: string } {
  const cut = ecosystem === "npm" || ecosystem === "golang" ? name.lastIndexOf("/") : -1;
  return cut < 0 ? { name } : { group: name.slice(0, cut), name: name.slice(cut + 1) };
}

function distribution({ name, hashes }: LockedPackage["files"][number], purl: string): Models.ExternalReference {
  // A reference must lead somewhere: the file's own name, or the package where the lock file has no name.
  const url = name === undefined ? purl : encodeURIComponent(name);
  const reference = new Models.ExternalReference(url, Enums.ExternalReferenceType.Distribution);
  setHashes(reference.hashes, hashes);
  return reference;
}

function setHashes(into: Models.HashDictionary, hashes: Readonly<Record<string, string>>): void {
  for (const [name, hex] of Object.entries(hashes)) {
    const algorithm = algorithms[name];
    if (algorithm !== undefined) into.set(algorithm, hex);
  }
}

/** An SPDX id or expression where it is one, else a name. */
export function licenseOf(text: string): Models.License {
  return licenses.makeFromString(text);
}

export function requiredComponent(purl: string, scope: "required" | "optional"): Models.Component {
  const { name, version } = PackageURL.fromString(purl);
  return new Models.Component(Enums.ComponentType.Library, name, {
    bomRef: purl,
    purl,
    scope: scopes[scope],
    ...(typeof version === "string" ? { version } : {}),
  });
}

/** An assembly of its own, named by the base's digest: it was there while the artifact was made, and is no part of it. */
export function baseComponent({
  title,
  digest,
  materials,
}: Pick<ResolvedBase, "title" | "digest" | "materials">): Models.Component {
  const base = new Models.Component(Enums.ComponentType.OperatingSystem, title, {
    bomRef: `base:sha256:${digest}`,
    version: `sha256:${digest}`,
    scope: scopes.excluded,
  });
  for (const { name, version, uri, sha256 } of materials) {
    const inner = new Models.Component(
      version === undefined ? Enums.ComponentType.File : Enums.ComponentType.Library,
      name,
      {
        bomRef: `base:sha256:${sha256}:${name}`,
        ...(version === undefined ? {} : { version }),
        ...(uri?.startsWith("pkg:") === true ? { purl: uri } : {}),
        scope: scopes.excluded,
      },
    );
    inner.hashes.set(Enums.HashAlgorithm["SHA-256"], sha256);
    base.components.add(inner);
  }
  return base;
}
