// What a gate said that let something pass, in one line.

interface Answer {
  readonly gate: string;
  readonly got: string;
  readonly wanted: string;
}

/** `gate coverage: lines 91 %, want at least 90 % (billing 1.0.0 in staging)` */
export function gateText({ gate, got, wanted }: Answer): string {
  return `gate ${gate}: ${got}, want ${wanted}`;
}
