// Gates and numbers of reports, in words.

import type { Artifact, Manifest } from "../../artifact/manifest.ts";
import { type Html, html } from "./html.ts";

type Gate = NonNullable<Manifest["gates"]>[number];

export function gatesList(gates: readonly Gate[]): Html {
  const items = gates.map((gate) => {
    const asked = gate.for === undefined ? "to be published" : `for ${gate.for.join(", ")}`;
    return html`<li><strong>${gate.name}</strong> ${asked}: ${demandOf(gate.demand)}</li> `;
  });
  return html`<p>What gates demand:</p>
    <ul>
      ${items}
    </ul> `;
}

function demandOf(demand: Gate["demand"]): string {
  switch (demand.sort) {
    case "check":
      return `the check ${demand.check} passed`;
    case "number": {
      const { number, report, bound, than } = demand;
      const limit =
        typeof than === "number"
          ? String(than)
          : `what ${than.channel} shows${than.tolerance === 0 ? "" : `, give or take ${than.tolerance}`}`;
      return `${number} of ${report} at ${bound} ${limit}`;
    }
    case "severity":
      return `nothing ${demand.severity} or worse in ${demand.report}`;
  }
}

/** The numbers that a report says; undefined: it is no report, or says none. */
export function numbersOf({ numbers, unit }: Artifact["record"]): string | undefined {
  if (typeof numbers !== "object" || numbers === null || Array.isArray(numbers)) return undefined;
  const said = Object.entries(numbers).filter(([, number]) => typeof number === "number");
  const end = unit === "%" ? " %" : "";
  return said.length === 0 ? undefined : said.map(([name, number]) => `${name} ${String(number)}${end}`).join(", ");
}
