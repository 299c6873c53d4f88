// go.sum: the modules whose content was looked at, with the hash of each one's tree. It doesn't say who uses whom; what the
// project itself wants stands in go.mod. A line for a go.mod alone is no module that is built in.

import { PackageURL } from "packageurl-js";

import { isSemantic } from "../../artifact/version.ts";
import { byText, type LockedPackage, type LockReader } from "./lock.ts";
import { notLocked } from "./python.ts";

export const goSum: LockReader = {
  names: ["go.sum"],
  ecosystem: "golang",
  read(text, { where, beside }) {
    const packages: LockedPackage[] = [];
    for (const line of text.split(/\r?\n/).filter((one) => one.trim() !== "")) {
      const match =
        /^([A-Za-z0-9._~!-]+(?:\/[A-Za-z0-9._~!-]+)*) (v[0-9A-Za-z.+-]+)(\/go\.mod)? h1:([A-Za-z0-9+/]{43}=)$/.exec(
          line,
        );
      const [, name, version, only, hash] = match ?? [];
      if (name === undefined || version === undefined || hash === undefined || !isSemantic(version.slice(1))) {
        throw notLocked(where, `the line ${JSON.stringify(line.slice(0, 100))}`, "write the file anew: go mod tidy");
      }
      if (only !== undefined) continue;
      const hashes = { dirHash: Buffer.from(hash, "base64").toString("hex") };
      packages.push({ purl: purlOf(name, version), name, version, scope: "required", files: [{ hashes }], uses: [] });
    }
    const wanted = new Set(
      [...(beside("go.mod") ?? "").matchAll(/^\s*(?:require\s+)?([^\s()/]+\/\S+) (v\S+)/gm)].map(
        ([, name = "", version = ""]) => purlOf(name, version),
      ),
    );
    const direct = packages.map(({ purl }) => purl).filter((purl) => wanted.size === 0 || wanted.has(purl));
    return { uses: direct.toSorted(byText), packages };
  },
};

function purlOf(name: string, version: string): string {
  const segments = name.split("/");
  const last = segments.pop() ?? name;
  return new PackageURL(
    "golang",
    segments.length === 0 ? undefined : segments.join("/"),
    last,
    version,
    undefined,
    undefined,
  ).toString();
}
