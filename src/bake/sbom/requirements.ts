// requirements.txt as a lock file: `name==version` with its hashes, as pip-compile, `uv pip compile` and `uv export` write it.
// Who uses whom stands there in comments (`# via flask`); without them, the project uses everything. A line that pins
// nothing is no lock: the SBOM says then that it isn't complete.

import { byText, type LockedFile, type LockedPackage, type LockReader } from "./lock.ts";
import { byName, hashesOf, normalName, notLocked, purlsOf, pypiPurl } from "./python.ts";

interface Pin {
  readonly name: string;
  readonly version: string;
  readonly purl: string;
  readonly files: LockedFile[];
  /** Names of those that want it. */
  readonly via: string[];
}

export const requirementsTxt: LockReader = {
  names: ["requirements.txt"],
  ecosystem: "pypi",
  read(text, { where }) {
    const { pins, complete } = pinsOf(text, where);
    const all = byName(pins);
    const known = new Set(pins.map(({ name }) => name));
    const usedBy = (name: string): string[] =>
      purlsOf(
        pins.filter(({ via }) => via.includes(name)).map((pin) => pin.name),
        all,
      );
    // Wanted by the project: by no comment, or by a file or a project that is no package here.
    const direct = pins.filter(({ via }) => via.length === 0 || via.some((name) => !known.has(name)));
    return {
      uses: direct.map(({ purl }) => purl).toSorted(byText),
      packages: pins.map(({ name, version, purl, files }): LockedPackage => {
        return { purl, name, version, scope: "required", files, uses: usedBy(name) };
      }),
      complete,
    };
  },
};

function pinsOf(text: string, where: string): { pins: Pin[]; complete: boolean } {
  const pins = new Map<string, Pin>();
  let complete = true;
  let last: Pin | undefined;
  // A backslash at its end goes on with the next line.
  for (const line of text.replaceAll(/\\\r?\n/g, " ").split(/\r?\n/)) {
    const comment = /(?:^|\s)#\s*(.*)$/.exec(line)?.[1]?.trim() ?? "";
    const content = line.replace(/(?:^|\s)#.*$/, "").trim();
    if (content === "") {
      if (last !== undefined) last.via.push(...viaOf(comment));
      continue;
    }
    if (pinsNothing.test(content)) {
      last = undefined;
      continue;
    }
    const pin = pinOf(content, where);
    if (pin === undefined) {
      complete = false;
      last = undefined;
      continue;
    }
    const before = pins.get(pin.purl);
    last = before ?? pin;
    if (before === undefined) pins.set(pin.purl, pin);
    else before.files.push(...pin.files);
    last.via.push(...viaOf(comment));
  }
  return { pins: [...pins.values()], complete };
}

/** Where to look for packages and how, or the project itself: these leave nothing open. */
const pinsNothing =
  /^--?(?:i|f|index-url|extra-index-url|find-links|no-index|require-hashes|only-binary|no-binary|prefer-binary|pre|trusted-host)\b|^(?:-e\s+|--editable\s+)?\.(?:\/\S*)?$/;

function pinOf(content: string, where: string): Pin | undefined {
  const match = /^([A-Za-z0-9][A-Za-z0-9._-]*)\s*(?:\[[^\]]*\])?\s*={2,3}\s*([^\s;,]+)(.*)$/.exec(content);
  const [, name, version, rest = ""] = match ?? [];
  if (name === undefined || version === undefined) return undefined;
  if (!/^[0-9A-Za-z][0-9A-Za-z.+!_-]*$/.test(version)) {
    if (version.includes("*")) return undefined;
    throw notLocked(
      where,
      `${JSON.stringify(version.slice(0, 100))} as the version of ${name}`,
      "write the file anew with pip-compile or uv",
    );
  }
  const texts = [...rest.matchAll(/--hash[= ]\s*(\S+)/g)].map(([, hash = ""]) => hash);
  const files = texts.map((hash) => {
    const hashes = hashesOf(hash);
    if (hashes === undefined)
      throw notLocked(
        where,
        `${JSON.stringify(hash.slice(0, 100))}, want a hash as in sha256:…`,
        "write the file anew with pip-compile or uv",
      );
    return { hashes };
  });
  return { name: normalName(name), version, purl: pypiPurl(name, version), files, via: [] };
}

/** `via flask`, `via -r requirements.in`, and the names that follow it, each on a line. */
function viaOf(comment: string): string[] {
  const text = comment.replace(/^via\s*/, "");
  // Prose has spaces; a list of names has commas.
  if (/^-[rc] /.test(text)) return [text];
  const names = text.split(",").map((name) => name.trim().replace(/ \(.*\)$/, ""));
  const isList = names.every((name) => /^[A-Za-z0-9][A-Za-z0-9._-]*(?:\[[^\]]*\])?$/.test(name));
  return isList ? names.map((name) => normalName(name.replace(/\[.*$/, ""))) : [];
}
