// YAML with the place of every value. Only the plain part of YAML 1.2: maps with text as keys, lists, and scalars. No anchors
// (a few bytes could stand for gigabytes, and a reader would have to look in two places), no tags, no second document.
// The text comes from whoever may push: whatever it is, the answer is a value or violations, in time linear in its length.

import { isAlias, isMap, isScalar, isSeq, LineCounter, type Node, parseDocument, type Pair, type Scalar } from "yaml";

import { shorten } from "./violation.ts";

export interface Place {
  /** Both count from 1. */
  readonly line: number;
  readonly column: number;
}

export interface Fault extends Place {
  readonly message: string;
}

export interface YamlText {
  /** Plain JavaScript values; undefined for an empty text. */
  readonly value: unknown;
  /** Where the value at a path stands, or its key; for what isn't there, the nearest thing around it that is. */
  locate(path: readonly PropertyKey[], what: "key" | "value"): Place;
  /** What stands at a path, for a message: a scalar as it was written, else "a map" and the like; undefined for nothing. */
  describe(path: readonly PropertyKey[]): string | undefined;
}

/** Parses `text`. */
export function parseYaml(text: string): YamlText | { readonly faults: readonly Fault[] } {
  const lines = new LineCounter();
  // The parser would fill it, too, but at the end of an unfinished text it counts a line that isn't there.
  for (let start = 0; start >= 0; start = text.indexOf("\n", start) + 1 || -1) lines.addNewLine(start);
  const placeAt = (offset: number): Place => {
    const { line, col } = lines.linePos(Math.min(offset, text.length));
    return { line, column: col };
  };
  const forbidden = forbiddenText.exec(text);
  if (forbidden !== null) {
    const name = (forbidden[0].codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0");
    return { faults: [{ ...placeAt(forbidden.index), message: `got the invisible character U+${name}, want none` }] };
  }
  // Keys that stand twice are found below: the library compares each with each.
  const settings = { version: "1.2", schema: "core", strict: true, stringKeys: true, uniqueKeys: false } as const;
  const document = parseDocument(text, { ...settings, prettyErrors: false });
  const broken = [...document.errors, ...document.warnings].map(({ pos, message }) => ({
    ...placeAt(pos[0]),
    message: inOurWords(message),
  }));
  // One mistake makes the parser complain several times.
  if (broken.length > 0) return { faults: broken.filter((one, at) => one.line !== broken[at - 1]?.line) };
  if (document.directives?.yaml.version !== "1.2") {
    return {
      faults: [{ ...placeAt(0), message: `got %YAML ${document.directives?.yaml.version}, want no directive` }],
    };
  }
  const faults: Fault[] = [];
  const refuse = (node: Node, message: string) => {
    faults.push({ ...placeAt(node.range?.[0] ?? 0), message });
    return undefined;
  };
  const value = valueOf(document.contents, refuse);
  if (faults.length > 0) return { faults };
  return {
    value,
    locate(path, what) {
      const { node, key } = follow(document.contents, path);
      const found = what === "key" ? (key ?? node) : node;
      return placeAt(found?.range?.[0] ?? 0);
    },
    describe(path) {
      const { node, whole } = follow(document.contents, path);
      if (!whole) return undefined;
      if (node === null) return "nothing";
      return isScalar(node) ? describeScalar(node) : isSeq(node) ? "a list" : "a map";
    },
  };
}

function describeScalar({ source, value }: Scalar): string {
  const text = shorten(source ?? String(value));
  if (typeof value === "string") return JSON.stringify(text);
  return value === null ? "nothing" : `${text} (a ${typeof value})`;
}

const deepest = 30;

// Control characters, and those that make text look other than it is: other line ends, hidden marks, changes of direction.
const forbiddenText =
  // oxlint-disable-next-line no-control-regex -- these are what is looked for
  /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/u;

/** The plain value of a node. `refuse` is told of what has none. */
function valueOf(
  node: Node | null | undefined,
  refuse: (node: Node, message: string) => undefined,
  depth = 0,
): unknown {
  if (node === null || node === undefined) return undefined;
  if (isAlias(node)) return refuse(node, "got an alias, want it written out: a recipe has no anchors");
  if ("anchor" in node && node.anchor !== undefined) {
    return refuse(node, `got the anchor &${node.anchor}, want none: a recipe has no anchors`);
  }
  if (node.tag !== undefined) return refuse(node, `got the tag ${node.tag}, want a value without one`);
  if (depth > deepest) return refuse(node, `got more than ${deepest} levels, want fewer`);
  if (isScalar(node)) {
    if (typeof node.value !== "string" || isPlainText(node.value)) return node.value;
    return refuse(node, "got an escaped invisible character, want text");
  }
  if (isSeq(node)) return node.items.map((item) => valueOf(item as Node, refuse, depth + 1) ?? null);
  if (!isMap(node)) throw new TypeError("a node of a sort that YAML doesn't have");
  const entries = new Map<string, unknown>();
  for (const { key, value } of node.items as Pair<Node, Node | null>[]) {
    const name = valueOf(key, refuse, depth + 1);
    if (typeof name !== "string") continue;
    if (entries.has(name)) refuse(key, `got the key \`${shorten(name)}\` twice, want it once`);
    // As a property it would vanish.
    if (name === "__proto__") refuse(key, "got the key `__proto__`, want another one");
    entries.set(name, valueOf(value, refuse, depth + 1) ?? null);
  }
  return Object.fromEntries(entries);
}

function isPlainText(text: string): boolean {
  return text.isWellFormed() && !forbiddenText.test(text);
}

interface Found {
  /** The last node on the way. */
  readonly node: Node | null;
  /** The key that led to it. */
  readonly key: Node | undefined;
  /** Whether the whole path was there. */
  readonly whole: boolean;
}

function follow(start: Node | null, path: readonly PropertyKey[]): Found {
  let node = start;
  let key: Node | undefined;
  for (const step of path) {
    if (isMap(node)) {
      const pairs = node.items as Pair<Node, Node | null>[];
      const pair = pairs.find((one) => isScalar(one.key) && one.key.value === step);
      if (pair === undefined) return { node, key: undefined, whole: false };
      key = pair.key;
      // An empty value stands where its key does.
      if (pair.value === null) return { node: pair.key, key, whole: false };
      node = pair.value;
    } else if (isSeq(node) && typeof step === "number" && node.items[step] !== undefined) {
      key = undefined;
      node = node.items[step] as Node;
    } else {
      return { node, key: undefined, whole: false };
    }
  }
  return { node, key, whole: true };
}

/** The library's messages, with what a person can do where they don't say it. */
function inOurWords(message: string): string {
  for (const [start, ours] of messages) if (message.startsWith(start)) return ours;
  return message.charAt(0).toLowerCase() + message.slice(1);
}

const messages = [
  ["Source contains multiple documents", "got a second document, want one"],
  ["Maximum call stack", `got more than ${deepest} levels, want fewer`],
  ["With stringKeys", "got a list, a map or an alias as a key, want text"],
  [
    "Nested mappings are not allowed",
    "got a second `: ` on the line: put the value in quotes, or the keys on lines of their own",
  ],
  ["Tabs are not allowed", "got a tab as indentation, want spaces"],
] as const;
