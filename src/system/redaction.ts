// Replaces secrets in what is printed and logged. It works in the sink, so no step can forget it; it knows the forms in which
// programs commonly repeat a secret, and the lines of one that has several. It can't know all: a step that means to show
// what it was given will find a way.

export interface Redaction {
  add(secret: string): void;
  apply(text: string): string;
  /** Length of the longest text that is replaced: a piece of output that is cut in two must overlap by as much. */
  readonly longest: () => number;
}

/** Shorter ones hide nothing and would riddle the output: the letter "a" is no secret. */
const shortest = 4;
/** The middle of something longer, which need not be unlike everything else. */
const shortestPart = 8;
/** Columns at which `base64` and `xxd -p` break lines. */
const columns = { base64: 76, hex: 60 };

export function createRedaction(): Redaction {
  let forms: string[] = [];
  return {
    add(secret) {
      const known = new Set([...forms, ...formsOf(secret)]);
      // Longest first: a secret that contains another must not leave its rest behind.
      forms = [...known].toSorted((a, b) => b.length - a.length);
    },
    apply: (text) => forms.reduce((shown, form) => shown.replaceAll(form, "***"), text),
    longest: () => forms[0]?.length ?? 0,
  };
}

function formsOf(secret: string): string[] {
  const bytes = Buffer.from(secret);
  const pieces = [secret, ...secret.split(/\r?\n/).map((line) => line.trim())];
  const whole = [
    ...pieces,
    ...pieces.map((piece) => JSON.stringify(piece).slice(1, -1)),
    ...pieces.map(encoded),
    bytes.toString("base64").replace(/=+$/, ""),
    bytes.toString("base64url"),
    bytes.toString("hex"),
    bytes.toString("hex").toUpperCase(),
  ];
  const parts = [
    ...pieces.flatMap((piece) => [0, 1, 2].flatMap((offset) => base64Inside(piece, offset))),
    ...brokenAt(columns.base64, bytes.toString("base64")),
    ...brokenAt(columns.hex, bytes.toString("hex")),
  ];
  return [...whole.filter((form) => form.length >= shortest), ...parts.filter((form) => form.length >= shortestPart)];
}

function encoded(secret: string): string {
  // A lone surrogate has no percent-encoding; what can't be encoded can't appear encoded.
  return secret.isWellFormed() ? encodeURIComponent(secret) : secret;
}

/** What is always the same in the base64 of a longer text, when `offset` bytes of a group of three come before the secret. */
function base64Inside(secret: string, offset: number): string[] {
  const bytes = Buffer.concat([Buffer.alloc(offset), Buffer.from(secret)]);
  const inside = bytes.toString("base64").slice(offset === 0 ? 0 : 4, Math.floor(bytes.length / 3) * 4);
  return [inside, inside.replaceAll("+", "-").replaceAll("/", "_")];
}

/** The lines that a program makes of a long encoding. */
function brokenAt(width: number, text: string): string[] {
  return text.length <= width ? [] : (text.replace(/=+$/, "").match(new RegExp(`.{1,${width}}`, "g")) ?? []);
}
