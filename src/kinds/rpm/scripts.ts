// Scriptlets: those of the repository, together with what units and users need. In a chroot or an image no systemd runs, and
// then nothing is started. Spec: rpm's docs/manual/scriptlets, the systemd scriptlets of rpm distributions, sysusers.d(5).

import { readFileSync } from "node:fs";

import { KilnError } from "../../errors.ts";
import { builtFile, type PackJob } from "../kind.ts";
import { sysusersText } from "../system-package/made.ts";
import type { PlacedUnit } from "../system-package/units.ts";
import { type RpmSpec, type ScriptName, scriptNames } from "./shape.ts";

export interface Scriptlet {
  readonly name: ScriptName;
  /** Absolute path of what runs it. */
  readonly interpreter: string;
  /** Without #!; ends with a newline. */
  readonly text: string;
}

/** Lines of shell before and after what the repository's own script does. */
type Added = Readonly<Partial<Record<ScriptName, { readonly before?: string[]; readonly after?: string[] }>>>;

/** Throws ARTIFACT_INVALID. `name`: the package's. */
export function scriptletsOf(
  spec: Pick<RpmSpec, "scripts" | "users" | "tmpfiles">,
  { name, units }: { readonly name: string; readonly units: readonly PlacedUnit[] },
  job: PackJob,
): Scriptlet[] {
  const added = [accounts(spec, name), unitLines(units)];
  return scriptNames.flatMap((script): Scriptlet[] => {
    const before = added.flatMap((one) => one[script]?.before ?? []);
    const after = added.flatMap((one) => one[script]?.after ?? []);
    const path = spec.scripts[script];
    const own = path === undefined ? undefined : ownScript({ script, path }, job);
    if (own === undefined) {
      const lines = [...before, ...after];
      return lines.length === 0 ? [] : [{ name: script, interpreter: "/bin/sh", text: `${lines.join("\n")}\n` }];
    }
    if (before.length + after.length === 0) return [{ name: script, ...own }];
    if (!/\/(?:sh|bash|dash)$/.test(own.interpreter)) {
      throw invalid(job, { script, got: `a script for ${own.interpreter}, want one for /bin/sh` }, [
        "units and users need lines of shell in it",
      ]);
    }
    // An `exit` in it must not keep what follows from running.
    const body = after.length === 0 ? [own.text.trimEnd()] : ["(", own.text.trimEnd(), ") || exit $?"];
    return [{ name: script, interpreter: own.interpreter, text: `${[...before, ...body, ...after].join("\n")}\n` }];
  });
}

function ownScript({ script, path }: { script: ScriptName; path: string }, job: PackJob): Omit<Scriptlet, "name"> {
  const text = readFileSync(builtFile(job, path), "utf8").replaceAll("\r\n", "\n");
  if (text.includes("\0") || text.includes("\uFFFD")) {
    throw invalid(job, { script, got: `${path}, which isn't text, want a script in UTF-8` }, [
      "rpm holds scripts as text",
    ]);
  }
  const [first = "", ...rest] = text.split("\n");
  if (!first.startsWith("#!")) return { interpreter: "/bin/sh", text: ended(text) };
  const interpreter = first.slice(2).trim();
  if (/^\/[A-Za-z0-9/._+-]+$/.test(interpreter)) return { interpreter, text: ended(rest.join("\n")) };
  throw invalid(job, { script, got: `the interpreter ${JSON.stringify(interpreter)}, want an absolute path alone` }, [
    "write #!/bin/sh, and `set -e` on a line of its own",
  ]);
}

function ended(text: string): string {
  return `${text.trimEnd()}\n`;
}

function invalid(
  { artifact }: PackJob,
  { script, got }: { readonly script: ScriptName; readonly got: string },
  [hint = ""]: readonly string[],
): KilnError {
  return new KilnError("ARTIFACT_INVALID", `${artifact}: scripts: ${script}: got ${got}`, { hint });
}

/** Users must be there before files are unpacked that belong to them: so the file that declares them is too late. */
function accounts({ users, tmpfiles }: Pick<RpmSpec, "users" | "tmpfiles">, name: string): Added {
  const declared = sysusersText(users);
  return {
    ...(declared === undefined
      ? {}
      : {
          pre: {
            before: [
              "if command -v systemd-sysusers >/dev/null 2>&1; then",
              `  systemd-sysusers --replace=/usr/lib/sysusers.d/${name}.conf - <<'KILN_USERS'`,
              declared.trimEnd(),
              "KILN_USERS",
              "else",
              ...Object.entries(users).flatMap(([user, account]) => accountLines(user, account)),
              "fi",
            ],
          },
        }),
    ...(tmpfiles.length === 0
      ? {}
      : {
          post: {
            before: [
              "if command -v systemd-tmpfiles >/dev/null 2>&1; then",
              `  systemd-tmpfiles --create ${name}.conf || :`,
              "fi",
            ],
          },
        }),
  };
}

/** Where there is no systemd. The schema keeps quotes out of all of it. */
function accountLines(user: string, { comment, home, shell, groups }: RpmSpec["users"][string]): string[] {
  const made = (group: string) => `  getent group ${group} >/dev/null || groupadd --system ${group}`;
  const about = comment === undefined ? "" : ` --comment "${comment}"`;
  return [
    made(user),
    `  getent passwd ${user} >/dev/null || useradd --system --gid ${user} --home-dir ${home} --shell ${shell}${about} ${user}`,
    ...groups.flatMap((group) => [made(group), `  usermod --append --groups ${group} ${user}`]),
  ];
}

/** `$1` is how many versions of the package there are when it is done: 1 after the first installation. */
function unitLines(units: readonly PlacedUnit[]): Added {
  // An instance has to be named before a template can be enabled or started.
  const known = units.filter(({ name }) => !/@\.\w+$/.test(name));
  if (known.length === 0) return units.length === 0 ? {} : { post: { after: reload }, postun: { after: reload } };
  const all = wordsOf(known);
  const preset = wordsOf(known.filter(({ hasInstall }) => hasInstall));
  const started = wordsOf(known.filter(({ start }) => start));
  const stopped = wordsOf(known.filter(({ start, upgrade }) => start && upgrade === "stop"));
  const restarted = wordsOf(known.filter(({ upgrade }) => upgrade === "restart"));
  return {
    ...(stopped === "" ? {} : { pre: { after: running("-ge 2", [`systemctl stop ${stopped} || :`]) } }),
    post: {
      after: [
        ...(preset === ""
          ? []
          : when('[ "$1" -eq 1 ] && command -v systemctl >/dev/null 2>&1', [
              `systemctl --no-reload preset ${preset} || :`,
            ])),
        ...reload,
        ...(started === "" ? [] : running("-eq 1", [`systemctl start ${started} || :`])),
        ...(stopped === "" ? [] : running("-ge 2", [`systemctl start ${stopped} || :`])),
      ],
    },
    preun: {
      before: when('[ "$1" -eq 0 ] && command -v systemctl >/dev/null 2>&1', [
        ...(preset === "" ? [] : [`systemctl --no-reload disable ${preset} || :`]),
        ...when("[ -d /run/systemd/system ]", [`systemctl stop ${all} || :`]),
      ]),
    },
    postun: {
      after: [...reload, ...(restarted === "" ? [] : running("-ge 1", [`systemctl try-restart ${restarted} || :`]))],
    },
  };
}

const reload = when("[ -d /run/systemd/system ]", ["systemctl daemon-reload || :"]);

function running(count: string, body: readonly string[]): string[] {
  return when(`[ "$1" ${count} ] && [ -d /run/systemd/system ]`, body);
}

function when(condition: string, body: readonly string[]): string[] {
  return [`if ${condition}; then`, ...body.map((one) => `  ${one}`), "fi"];
}

/** Unit names have letters, digits and : _ . \ - @ alone. */
function wordsOf(units: readonly PlacedUnit[]): string {
  return units.map(({ name }) => `'${name}'`).join(" ");
}
