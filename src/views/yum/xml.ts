// XML as rpm-md has it: text that any package may hold, in elements and in quoted attributes.

const escapes: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };

/** What XML 1.0 has no way to write is left out; line ends that a parser would make one are kept apart. */
export function escaped(text: string): string {
  return text
    .replace(/[^\t\n\r\u{20}-\u{d7ff}\u{e000}-\u{fffd}\u{10000}-\u{10ffff}]/gu, "")
    .replace(/[&<>]/g, (character) => escapes[character] ?? "")
    .replaceAll("\r", "&#13;");
}

export function unescaped(text: string): string {
  return text.replace(/&(?:amp|lt|gt|quot|#13);/g, (entity) => unescapes[entity] ?? "");
}

const unescapes: Readonly<Record<string, string>> = {
  "&#13;": "\r",
  ...Object.fromEntries(Object.entries(escapes).map(([character, entity]) => [entity, character])),
};

/** ` a="1" b="2"`; what is undefined is left out. */
export function attributes(values: Readonly<Record<string, string | number | undefined>>): string {
  return Object.entries(values)
    .map(([name, value]) => (value === undefined ? "" : ` ${name}="${quoted(String(value))}"`))
    .join("");
}

function quoted(text: string): string {
  return escaped(text).replaceAll('"', "&quot;").replaceAll("\n", "&#10;").replaceAll("\t", "&#9;");
}

export function element(name: string, text: string | undefined): string {
  return text === undefined || text === "" ? `<${name}/>` : `<${name}>${escaped(text)}</${name}>`;
}
