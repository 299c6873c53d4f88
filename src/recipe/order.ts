// In what order the steps of one phase run: a step that doesn't say so waits for all that stand before it; one that says
// `after` waits for those alone, and runs beside the others. A name that isn't there and a circle are faults of the recipe.

import type { z } from "zod";

import { nearest } from "../nearest.ts";
import { asItIs } from "./violation.ts";

export interface Ordered {
  readonly name?: string | undefined;
  readonly after?: readonly string[] | undefined;
}

/** For each step, the places in the list of those that it waits for. */
export function waitsFor(steps: readonly Ordered[]): number[][] {
  return steps.map(({ after }, at) =>
    after === undefined
      ? steps.slice(0, at).map((_, before) => before)
      : after.map((name) => steps.findIndex((other) => other.name === name)).filter((place) => place >= 0),
  );
}

/** The refinement for a list of `what` (`step`, `check`). */
export function checkOrder(what: string) {
  return (steps: readonly Ordered[], context: z.core.$RefinementCtx): void => {
    const refuse = (message: string, path: PropertyKey[]): void =>
      context.addIssue({ code: "custom", path, message, params: asItIs, input: steps });
    const names = steps.flatMap(({ name }) => (name === undefined ? [] : [name]));
    steps.forEach(({ name, after }, at) => {
      if (name !== undefined && steps.findIndex((other) => other.name === name) !== at) {
        refuse(`the ${what} \`${name}\` stands here twice, want each name once`, [at, "name"]);
      }
      after?.forEach((wanted, index) => {
        if (names.includes(wanted)) return;
        const meant = nearest(wanted, names);
        const known = names.length === 0 ? `want the name of another ${what} here` : `want one of ${names.join(", ")}`;
        const help = meant === undefined ? `, ${known}` : `; did you mean \`${meant}\`?`;
        refuse(`no ${what} \`${wanted}\`${help}`, [at, "after", index]);
      });
    });
    const circle = circleIn(waitsFor(steps));
    const [first] = circle;
    if (first === undefined) return;
    const titles = [...circle, first].map((place) => `\`${steps[place]?.name ?? `${what} ${place + 1}`}\``);
    const at = circle.find((place) => steps[place]?.after !== undefined) ?? first;
    refuse(`${titles.join(" waits for ")}: want an order without a circle`, [at, "after"]);
  };
}

/** Places that wait for one another in a circle, in this order; empty when there is none. */
function circleIn(waits: readonly (readonly number[])[]): number[] {
  const done = new Set<number>();
  const path: number[] = [];
  const visit = (place: number): number[] => {
    if (path.includes(place)) return path.slice(path.indexOf(place));
    if (done.has(place)) return [];
    path.push(place);
    for (const next of waits[place] ?? []) {
      const found = visit(next);
      if (found.length > 0) return found;
    }
    path.pop();
    done.add(place);
    return [];
  };
  for (const place of waits.keys()) {
    const found = visit(place);
    if (found.length > 0) return found;
  }
  return [];
}
