// HTML as a tagged template: whatever is put into one is escaped, unless it is HTML made here. Names, reasons and records were
// written by others; a text of theirs can't open a tag, leave an attribute, or turn the line around that it stands in.

export interface Html {
  readonly html: string;
}

type Part = Html | string | number | undefined | readonly Part[];

/** The template's own text as it is, everything else escaped. `undefined` is nothing. */
export function html(texts: TemplateStringsArray, ...parts: readonly Part[]): Html {
  const own = compact(texts);
  return { html: own.map((text, at) => text + (at < parts.length ? markup(parts[at]) : "")).join("") };
}

const compacted = new WeakMap<TemplateStringsArray, readonly string[]>();

/** Templates are indented for whoever reads them here; a page isn't. */
function compact(texts: TemplateStringsArray): readonly string[] {
  const known = compacted.get(texts) ?? texts.map((text) => text.replaceAll(/\s*\n\s*/g, "\n"));
  compacted.set(texts, known);
  return known;
}

function markup(part: Part): string {
  if (part === undefined) return "";
  if (typeof part === "number") return String(part);
  if (typeof part === "string") return escaped(shown(part));
  return "html" in part ? part.html : part.map(markup).join("");
}

function escaped(text: string): string {
  return text.replaceAll(/[&<>"']/g, (character) => entities[character] ?? character);
}

const entities: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/** JSON as the value of an attribute in single quotes, because it is full of double ones. Nothing is taken away. */
export function quoted(json: string): string {
  return json
    .replaceAll(unshown, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`)
    .replaceAll(/[&<>']/g, (character) => entities[character] ?? character);
}

/** JSON that says the same as what was given to `quoted`. */
export function unquoted(text: string): string {
  return text.replaceAll(/&(?:amp|lt|gt|#39);/g, (entity) => characters.get(entity) ?? entity);
}

const characters = new Map(Object.entries(entities).map(([character, entity]) => [entity, character]));

/** Without controls, marks that change the direction of what follows, and halves of surrogate pairs. */
function shown(text: string): string {
  return text.toWellFormed().replaceAll(unshown, "\uFFFD");
}

const unshown = /(?![\n\t])[\p{Cc}\p{Bidi_Control}\u2028\u2029\uFEFF]/gu;
