// Replaces secrets in everything that is printed. It works in the sink, so no step can forget it; it knows the forms in
// which programs commonly repeat a secret, and the lines of one that has several.

export interface Redaction {
  add(secret: string): void;
  apply(text: string): string;
}

/** Shorter ones hide nothing and would riddle the output: the letter "a" is no secret. */
const shortest = 4;

export function createRedaction(): Redaction {
  let forms: string[] = [];
  return {
    add(secret) {
      const known = new Set([...forms, ...formsOf(secret).filter((form) => form.length >= shortest)]);
      // Longest first: a secret that contains another must not leave its rest behind.
      forms = [...known].toSorted((a, b) => b.length - a.length);
    },
    apply: (text) => forms.reduce((shown, form) => shown.replaceAll(form, "***"), text),
  };
}

function formsOf(secret: string): string[] {
  const bytes = Buffer.from(secret);
  const pieces = [secret, ...secret.split(/\r?\n/).map((line) => line.trim())];
  return [
    ...pieces,
    ...pieces.map((piece) => JSON.stringify(piece).slice(1, -1)),
    encoded(secret),
    bytes.toString("base64").replace(/=+$/, ""),
    bytes.toString("base64url"),
    bytes.toString("hex"),
  ];
}

function encoded(secret: string): string {
  // A lone surrogate has no percent-encoding; what can't be encoded can't appear encoded.
  return secret.isWellFormed() ? encodeURIComponent(secret) : secret;
}
