// When two versions are one to a stock client, however they are written: `1.0` and `1.00` to dpkg, `1.0` and `1_0` to rpm, `1.0` and
// `1.0.0` to pip, `1.0.0+a` and `1.0.0+b` to npm. Each function answers a text that is the same for both. What isn't a version
// of the format stands for itself.

/** To dpkg: no epoch is 0, no revision is 0, and zeros before a number don't count. */
export function sameToDebian(version: string): string {
  const {
    epoch = "0",
    upstream = "",
    revision = "0",
  } = /^(?:(?<epoch>[0-9]+):)?(?<upstream>.*?)(?:-(?<revision>[^-]*))?$/s.exec(version)?.groups ?? {};
  return `${Number(epoch)}:${numbersBare(upstream)}-${numbersBare(revision)}`;
}

/** Numbers without zeros before them; a number that isn't there, where text ends, is 0. */
function numbersBare(text: string): string {
  return text.replaceAll(/(?<text>[^0-9]*)(?<number>[0-9]*)/g, (whole, letters: string, number: string) =>
    whole === "" ? "" : `${letters}${number.replace(/^0+(?=.)/, "") || "0"}`,
  );
}

/** To rpm: `EPOCH:VERSION-RELEASE`; what separates parts doesn't count, but for `~` and `^`. */
export function sameToRpm(version: string): string {
  const { epoch = "0", rest = "" } = /^(?:(?<epoch>[0-9]+):)?(?<rest>.*)$/s.exec(version)?.groups ?? {};
  const parts = rest.split("-").map((part) => {
    const segments = part.match(/[0-9]+|[A-Za-z]+|[~^]/g) ?? [];
    return segments.map((segment) => (/^[0-9]/.test(segment) ? segment.replace(/^0+(?=.)/, "") : segment)).join(" ");
  });
  return `${Number(epoch)}:${parts.join("-")}`;
}

const pythonWords: Readonly<Record<string, string>> = {
  alpha: "a",
  beta: "b",
  c: "rc",
  pre: "rc",
  preview: "rc",
};

const python =
  /^v?(?:(?<epoch>[0-9]+)!)?(?<numbers>[0-9]+(?:\.[0-9]+)*)(?:[-_.]?(?<pre>alpha|a|beta|b|preview|pre|c|rc)[-_.]?(?<preNumber>[0-9]*))?(?:-(?<bare>[0-9]+)|[-_.]?(?<post>post|rev|r)[-_.]?(?<postNumber>[0-9]*))?(?:[-_.]?(?<dev>dev)[-_.]?(?<devNumber>[0-9]*))?(?:\+(?<local>[a-z0-9]+(?:[-_.][a-z0-9]+)*))?$/;

/** To pip (PEP 440): case, spelling and zeros at the end don't count. */
export function sameToPython(version: string): string {
  const parts = pythonParts(version);
  if (parts === undefined) return version;
  const { epoch, numbers, pre, post, dev, local } = parts;
  return [
    `${epoch}!${numbers.join(".")}`,
    pre === undefined ? "" : ` ${pre.word}${pre.number}`,
    post === undefined ? "" : ` post${post}`,
    dev === undefined ? "" : ` dev${dev}`,
    local.length === 0 ? "" : `+${local.join(".")}`,
  ].join("");
}

export interface PythonParts {
  readonly epoch: bigint;
  /** Without zeros at the end. */
  readonly numbers: readonly bigint[];
  readonly pre: { readonly word: string; readonly number: bigint } | undefined;
  readonly post: bigint | undefined;
  readonly dev: bigint | undefined;
  readonly local: readonly (bigint | string)[];
}

/** Of a version in any spelling that PEP 440 allows; `undefined`: it is none. */
export function pythonParts(version: string): PythonParts | undefined {
  const found = python.exec(version.trim().toLowerCase())?.groups;
  if (found === undefined) return undefined;
  const { epoch, numbers = "", pre, preNumber, bare, post, postNumber, dev, devNumber, local } = found;
  const bares = numbers.split(".").map(BigInt);
  while (bares.length > 1 && bares.at(-1) === 0n) bares.pop();
  return {
    epoch: BigInt(epoch ?? "0"),
    numbers: bares,
    pre: pre === undefined ? undefined : { word: pythonWords[pre] ?? pre, number: BigInt(preNumber || "0") },
    post: bare === undefined && post === undefined ? undefined : BigInt(bare ?? (postNumber || "0")),
    dev: dev === undefined ? undefined : BigInt(devNumber || "0"),
    local: (local?.split(/[-_.]/) ?? []).map((it) => (/^[0-9]+$/.test(it) ? BigInt(it) : it)),
  };
}

/** To npm and Helm: metadata doesn't count. */
export function sameToSemver(version: string): string {
  return version.replace(/^[v=\s]+/, "").replace(/\+.*$/s, "");
}
