// One step or check of a bake: what it may see, where its output goes, and what is kept of it.

import { copyFileSync, existsSync, lstatSync } from "node:fs";
import { basename, join } from "node:path";

import type { Context } from "../context.ts";
import { isKilnError, KilnError } from "../errors.ts";
import { builtPath } from "../kinds/kind.ts";
import type { Secret } from "../system/sandbox.ts";
import { type CheckResult, testsOf } from "./checks.ts";
import { inKitchen, type Kitchen } from "./kitchen.ts";
import type { OrderedStep } from "./order.ts";
import { proxiesOf } from "./proxies.ts";
import { runStep } from "./run-step.ts";

/** Throws STEP_FAILED, SECRET_MISSING, LIMIT_EXCEEDED. */
export async function takeStep(step: OrderedStep, place: number, kitchen: Kitchen): Promise<void> {
  const { context, sandbox, logs, options } = kitchen;
  const log = `${String(place + 1).padStart(2, "0")}-${step.phase}.log`;
  const secrets = step.secrets.map((name) => secretOf(name, step, context));
  const title = `${step.phase}: ${step.title}`;
  const run = () =>
    inKitchen(title, kitchen, (shown) =>
      runStep(
        {
          title,
          argv: ["/bin/sh", "-ec", step.run],
          as: "step",
          network: step.phase === "fetch" ? "open" : "closed",
          secrets,
          hidden: passwordsIn(Object.values(proxiesOf(context.env))),
          log: join(logs, log),
          keptLog: join(options.keptLogs, log),
        },
        sandbox,
        { ...context, shown },
      ),
    );
  try {
    if (step.check === undefined) await run();
    else await takeCheck({ ...step.check, report: step.report }, run, kitchen);
  } finally {
    if (step.report !== undefined) keepReport({ ...step, report: step.report }, kitchen, log);
  }
}

async function takeCheck(
  check: NonNullable<OrderedStep["check"]> & Pick<OrderedStep, "report">,
  run: () => Promise<unknown>,
  { context, sandbox, signal, source, results }: Kitchen,
): Promise<void> {
  const { name, isRequired, report } = check;
  let outcome: CheckResult["outcome"] = "passed";
  try {
    await run();
  } catch (error) {
    // What was ended because of another's failure has no result.
    if (isRequired || signal.aborted || !isKilnError(error, "STEP_FAILED")) throw error;
    outcome = "failed";
    context.report.note(`check ${name}: it failed, and may: the bake goes on`);
  }
  const folder = sandbox.inside(source);
  const tests = report === undefined ? {} : { tests: testsOf({ check: name, outcome, report, source, folder }) };
  results.set(name, { name, outcome, ...tests });
}

function passwordsIn(urls: readonly string[]): string[] {
  return urls.flatMap((url) => {
    const password = URL.parse(url)?.password ?? "";
    return password === "" ? [] : [password];
  });
}

function secretOf(name: string, step: OrderedStep, { env }: Context): Secret {
  const value = env[name];
  if (value !== undefined && value !== "") return { name, value };
  throw new KilnError("SECRET_MISSING", `${step.phase}: ${step.title}: got no value for the secret ${name}`, {
    hint: `set the environment variable ${name} for kiln; only this step will see it, in the file $KILN_SECRETS/${name}`,
  });
}

/** A check's report is kept beside its log, whether it failed or not, if it was written at all. */
function keepReport(
  { report, phase, title }: { readonly report: string } & Pick<OrderedStep, "phase" | "title">,
  { source, logs }: Kitchen,
  log: string,
): void {
  if (!existsSync(join(source, report))) return;
  const path = builtPath({ artifact: `${phase} ${title}`, source }, report);
  if (lstatSync(path).isFile()) copyFileSync(path, join(logs, `${log.replace(/\.log$/, "")}-${basename(path)}`));
}
