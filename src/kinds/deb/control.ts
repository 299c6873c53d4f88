// The control file of a .deb. Values come from a recipe: each is one line, but the description, whose further lines are
// folded, so that no value can add a field.

/** In the order in which they are written. */
export type Fields = Readonly<Record<string, string>>;

/** `Name: value` lines, as deb-control(5) has them. */
export function controlText(fields: Fields): string {
  return Object.entries(fields)
    .map(([name, value]) => `${name}: ${value}\n`)
    .join("");
}

/** A description as a field's value: the first line, then indented ones; an empty line is ` .`. */
export function foldDescription(text: string): string {
  const [first = "", ...rest] = text.trimEnd().split("\n");
  return [first.trim(), ...rest.map((line) => (line.trim() === "" ? " ." : ` ${line.trimEnd()}`))].join("\n");
}
