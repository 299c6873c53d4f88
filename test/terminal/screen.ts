// As much of a terminal as the live list uses: a grid of lines, the cursor, and the four sequences that are sent. Anything
// else is an error, so that a test notices what a real terminal might show as garbage.

import { widthOf } from "../../src/terminal/printable.ts";

export class Screen {
  raw = "";
  cursor: "shown" | "hidden" = "shown";
  /** A line was longer than the screen is wide: on a real terminal the redrawing would go wrong from there on. */
  wrapped = false;
  readonly #columns: number;
  #lines: string[] = [""];
  #row = 0;

  constructor(columns: number) {
    this.#columns = columns;
  }

  write(text: string): void {
    this.raw += text;
    // oxlint-disable-next-line no-control-regex -- control sequences are what a screen reads
    for (const [piece, parameter, final] of text.matchAll(/\u001b\[([?\d;]*)([A-Za-z])|[^\u001b\n\r]+|\n|\r/g)) {
      if (piece === "\n") this.#down();
      else if (piece === "\r") continue;
      else if (final === undefined) this.#print(piece);
      else this.#control(parameter ?? "", final);
    }
  }

  /** What is on the screen, without empty lines at its end. */
  lines(): string[] {
    const lines = [...this.#lines];
    while (lines.at(-1) === "") lines.pop();
    return lines;
  }

  text(): string {
    return this.lines().join("\n");
  }

  #control(parameter: string, final: string): void {
    if (final === "m") return;
    if (final === "A") this.#row -= Number(parameter);
    else if (final === "J") this.#lines = [...this.#lines.slice(0, this.#row), ""];
    else if (parameter === "?25" && (final === "h" || final === "l")) this.cursor = final === "h" ? "shown" : "hidden";
    else throw new Error(`a sequence that not every terminal knows: ${parameter}${final}`);
    if (this.#row < 0) throw new Error("the cursor left the screen at its top");
  }

  #print(piece: string): void {
    const line = (this.#lines[this.#row] ?? "") + piece;
    this.#lines[this.#row] = line;
    if (widthOf(line) >= this.#columns) this.wrapped = true;
  }

  #down(): void {
    this.#row++;
    this.#lines[this.#row] ??= "";
  }
}
