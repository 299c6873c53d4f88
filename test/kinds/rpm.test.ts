// rpm: what rpm itself reads back is what the recipe says, whatever the recipe says.

import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, renameSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

import fc from "fast-check";
import { expect, test } from "vitest";

import type { Artifact } from "../../src/artifact/manifest.ts";
import { KilnError } from "../../src/errors.ts";
import type { PackJob } from "../../src/kinds/kind.ts";
import { rpm as kind } from "../../src/kinds/rpm/rpm.ts";
import { makeProject, type ProjectOptions } from "../bake/made-project.ts";
import { temporaryFolder } from "../system/made-repository.ts";

interface Made {
  readonly artifact: Artifact;
  readonly path: string;
}

async function make(
  spec: Readonly<Record<string, unknown>>,
  options: Partial<ProjectOptions> & { build?: string; check?: "twice" } = {},
): Promise<Made> {
  const { build = "true", check, ...rest } = options;
  const artifacts = JSON.stringify({ app: { kind: "rpm", license: "MIT", ...spec } });
  const project = makeProject({ recipe: `build: [${JSON.stringify(build)}]\nartifacts: ${artifacts}\n`, ...rest });
  const { folder, manifest } = await project.bake(check === undefined ? {} : { check });
  const made = manifest.artifacts[0];
  if (made === undefined) throw new Error("no artifact");
  return { artifact: made, path: join(folder, made.file) };
}

async function failure(work: Promise<unknown>): Promise<string> {
  const error: unknown = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (error instanceof KilnError) return `${error.code}: ${error.message}`;
  throw new Error(`got ${String(error)}, want a KilnError`);
}

const rpm = (path: string, ...options: string[]): string =>
  execFileSync("rpm", ["--query", "--package", ...options, path], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "ignore"],
  });

const unit = "[Unit]\nDescription=x\n[Service]\nExecStart=/bin/true\n[Install]\nWantedBy=multi-user.target\n";

test("rpm reads what the recipe says, and the record says what rpm reads; two bakes are the same bytes", async () => {
  const { artifact, path } = await make(
    {
      summary: "Does 100% of it",
      description: "Does it.\n\nAt %{length}, and $(more).",
      url: "https://example.org/",
      vendor: "Example",
      packager: "Jo <jo@example.org>",
      requires: ["nodejs >= 20", "(a or b)"],
      recommends: ["c"],
      conflicts: ["old-app < 2"],
      obsoletes: ["older-app"],
      provides: ["virtual = 3"],
      config: ["/opt/app/settings.ini"],
      scripts: { post: "post.sh", preun: "preun.py" },
      units: { "app.service": "app.service" },
      users: { app: { comment: "runs it" } },
      tmpfiles: ["d /var/lib/app 0750 app app -"],
      files: {
        "/opt/app": "dist",
        "/etc/app/": "kiln.yaml",
        "/etc/app/key": { from: "post.sh", mode: "0640", owner: "root:app" },
        "/usr/bin/app": "dist/run",
        "/usr/bin/app-link": { link: "app" },
        "/var/lib/app-data": { folder: true, mode: "0750", owner: "app" },
      },
    },
    {
      build: "mkdir dist && echo x > 'dist/a file' && touch dist/run dist/settings.ini && chmod 711 dist/run",
      files: { "post.sh": "#!/bin/sh\necho 100%\nexit 0\n", "preun.py": "true\n", "app.service": unit },
      check: "twice",
    },
  );
  expect(artifact.file).toBe("sample-1.2.3-1.noarch.rpm");
  expect(
    rpm(
      path,
      "--queryformat",
      "%{NVRA}|%{SUMMARY}|%{DESCRIPTION}|%{LICENSE}|%{URL}|%{VENDOR}|%{PACKAGER}|%{BUILDHOST}",
    ),
  ).toBe(
    "sample-1.2.3-1.noarch|Does 100% of it|Does it.\n\nAt %{length}, and $(more).|MIT|https://example.org/|Example|Jo <jo@example.org>|kiln",
  );
  const listed = rpm(
    path,
    "--queryformat",
    "[%{FILENAMES} %{FILEMODES:perms} %{FILEUSERNAME}:%{FILEGROUPNAME} %{FILEFLAGS:fflags}\n]",
  );
  expect(
    listed
      .trim()
      .split("\n")
      .map((line) => line.trim()),
  ).toEqual([
    "/etc/app drwxr-xr-x root:root",
    "/etc/app/key -rw-r----- root:app cn",
    "/etc/app/kiln.yaml -rw-r--r-- root:root cn",
    "/opt/app drwxr-xr-x root:root",
    "/opt/app/a file -rw-r--r-- root:root",
    "/opt/app/run -rwxr-xr-x root:root",
    "/opt/app/settings.ini -rw-r--r-- root:root cn",
    "/usr/bin/app -rwxr-xr-x root:root",
    "/usr/bin/app-link lrwxrwxrwx root:root",
    "/usr/lib/systemd/system-preset/80-sample.preset -rw-r--r-- root:root",
    "/usr/lib/systemd/system/app.service -rw-r--r-- root:root",
    "/usr/lib/sysusers.d/sample.conf -rw-r--r-- root:root",
    "/usr/lib/tmpfiles.d/sample.conf -rw-r--r-- root:root",
    "/var/lib/app-data drwxr-x--- app:app",
  ]);
  const requires = rpm(path, "--requires").split("\n");
  for (const one of ["nodejs >= 20", "(a or b)", "/usr/sbin/useradd", "/bin/sh"]) expect(requires).toContain(one);
  expect(rpm(path, "--provides").split("\n")).toContain("virtual = 3");
  expect(rpm(path, "--queryformat", "%{CONFLICTS} %{OBSOLETES} %{RECOMMENDS}")).toBe("old-app older-app c");
  expect(rpm(path, "--scripts")).toMatchInlineSnapshot(`
    "preinstall scriptlet (using /bin/sh):
    if command -v systemd-sysusers >/dev/null 2>&1; then
      systemd-sysusers --replace=/usr/lib/sysusers.d/sample.conf - <<'KILN_USERS'
    u app - "runs it" /nonexistent /usr/sbin/nologin
    KILN_USERS
    else
      getent group app >/dev/null || groupadd --system app
      getent passwd app >/dev/null || useradd --system --gid app --home-dir /nonexistent --shell /usr/sbin/nologin --comment "runs it" app
    fi

    postinstall scriptlet (using /bin/sh):
    if command -v systemd-tmpfiles >/dev/null 2>&1; then
      systemd-tmpfiles --create sample.conf || :
    fi
    (
    echo 100%
    exit 0
    ) || exit $?
    if [ "$1" -eq 1 ] && command -v systemctl >/dev/null 2>&1; then
      systemctl --no-reload preset 'app.service' || :
    fi
    if [ -d /run/systemd/system ]; then
      systemctl daemon-reload || :
    fi
    if [ "$1" -eq 1 ] && [ -d /run/systemd/system ]; then
      systemctl start 'app.service' || :
    fi

    preuninstall scriptlet (using /bin/sh):
    if [ "$1" -eq 0 ] && command -v systemctl >/dev/null 2>&1; then
      systemctl --no-reload disable 'app.service' || :
      if [ -d /run/systemd/system ]; then
        systemctl stop 'app.service' || :
      fi
    fi
    true

    postuninstall scriptlet (using /bin/sh):
    if [ -d /run/systemd/system ]; then
      systemctl daemon-reload || :
    fi
    if [ "$1" -ge 1 ] && [ -d /run/systemd/system ]; then
      systemctl try-restart 'app.service' || :
    fi

    "
  `);
  expect(artifact.record).toMatchInlineSnapshot(`
    {
      "architecture": "noarch",
      "archiveSize": 3188,
      "buildHost": "kiln",
      "buildTime": 1700000060,
      "conflicts": [
        {
          "flags": "LT",
          "name": "old-app",
          "version": "2",
        },
      ],
      "description": "Does it.

    At %{length}, and $(more).",
      "files": {
        "/etc/": [
          "app/",
        ],
        "/etc/app/": [
          "key",
          "kiln.yaml",
        ],
        "/opt/": [
          "app/",
        ],
        "/opt/app/": [
          "a file",
          "run",
          "settings.ini",
        ],
        "/usr/bin/": [
          "app",
          "app-link",
        ],
        "/usr/lib/systemd/system-preset/": [
          "80-sample.preset",
        ],
        "/usr/lib/systemd/system/": [
          "app.service",
        ],
        "/usr/lib/sysusers.d/": [
          "sample.conf",
        ],
        "/usr/lib/tmpfiles.d/": [
          "sample.conf",
        ],
        "/var/lib/": [
          "app-data/",
        ],
      },
      "group": "Unspecified",
      "headerRange": {
        "end": 9569,
        "start": 4504,
      },
      "installedSize": 1186,
      "license": "MIT",
      "name": "sample",
      "obsoletes": [
        {
          "name": "older-app",
        },
      ],
      "packager": "Jo <jo@example.org>",
      "provides": [
        {
          "flags": "EQ",
          "name": "config(sample)",
          "version": "1.2.3-1",
        },
        {
          "flags": "EQ",
          "name": "sample",
          "version": "1.2.3-1",
        },
        {
          "flags": "EQ",
          "name": "virtual",
          "version": "3",
        },
      ],
      "recommends": [
        {
          "name": "c",
        },
      ],
      "release": "1",
      "requires": [
        {
          "name": "(a or b)",
        },
        {
          "name": "/bin/sh",
          "pre": true,
        },
        {
          "name": "/bin/sh",
          "pre": true,
        },
        {
          "name": "/bin/sh",
        },
        {
          "name": "/bin/sh",
        },
        {
          "name": "/usr/sbin/groupadd",
          "pre": true,
        },
        {
          "name": "/usr/sbin/useradd",
          "pre": true,
        },
        {
          "flags": "EQ",
          "name": "config(sample)",
          "version": "1.2.3-1",
        },
        {
          "flags": "GE",
          "name": "nodejs",
          "version": "20",
        },
        {
          "flags": "LE",
          "name": "rpmlib(CompressedFileNames)",
          "version": "3.0.4-1",
        },
        {
          "flags": "LE",
          "name": "rpmlib(FileDigests)",
          "version": "4.6.0-1",
        },
        {
          "flags": "LE",
          "name": "rpmlib(PayloadFilesHavePrefix)",
          "version": "4.0-1",
        },
        {
          "flags": "LE",
          "name": "rpmlib(PayloadIsZstd)",
          "version": "5.4.18-1",
        },
        {
          "flags": "LE",
          "name": "rpmlib(RichDependencies)",
          "version": "4.12.0-1",
        },
      ],
      "sourceRpm": "sample-1.2.3-1.src.rpm",
      "summary": "Does 100% of it",
      "url": "https://example.org/",
      "vendor": "Example",
      "version": "1.2.3",
    }
  `);
});

/** Packs without a sandbox and without a bake around it: rpmbuild itself is what matters. */
async function pack(
  spec: Readonly<Record<string, unknown>>,
  files: Readonly<Record<string, string>>,
  version = "1.2.3",
): Promise<Made> {
  const folder = temporaryFolder();
  const at = (name: string) => {
    mkdirSync(join(folder, name));
    return join(folder, name);
  };
  const job = {
    artifact: "app",
    release: { name: "sample", version },
    source: at("source"),
    stage: at("stage"),
    out: at("out"),
    time: 1_700_000_000,
    sandbox: { inside: (path: string) => path },
    runPacker: async ([program, ...args]: readonly [string, ...string[]]) => {
      const env = { PATH: process.env["PATH"], HOME: folder, SOURCE_DATE_EPOCH: "1700000000", LC_ALL: "C.UTF-8" };
      return execFileSync(program, args, { cwd: folder, env, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
    },
    take: (file: string) => renameSync(join(folder, "stage", file), join(folder, "out", file)),
  } as unknown as PackJob;
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(job.source, name)), { recursive: true });
    writeFileSync(join(job.source, name), text);
  }
  const packed = await kind.pack(kind.schema.parse({ kind: "rpm", license: "MIT", ...spec }), job);
  const artifact = { name: "app", kind: "rpm", ...packed } as unknown as Artifact;
  return { artifact, path: join(job.out, packed.file) };
}

/** What means something to rpmbuild, to a shell, to a glob, or to nobody. */
const odd = fc.constantFrom(
  ..."%|%%|%{|%{nil}|%(touch evil)|%if|%endif|%post|%files|\\|\"|'|#|{|}|*|?|[|]|,|;|`|$(x)|<|>|=|~|^|a|Zz|9|é|🚀| |  |%{lua:print(1)}|%define a b|\u00a0".split(
    "|",
  ),
);
const text = fc.array(odd, { minLength: 1, maxLength: 8 }).map((parts) => parts.join(""));
const lines = fc.array(text, { minLength: 1, maxLength: 4 }).map((parts) => parts.join("\n"));

test("no value of a recipe and no file name means anything to rpmbuild", { timeout: 120_000 }, async () => {
  const one = fc.record({
    summary: text,
    description: lines,
    license: text,
    vendor: text,
    packager: text,
    script: lines,
    requires: text,
    names: fc.uniqueArray(text, { minLength: 1, maxLength: 4 }),
  });
  let packages = 0;
  await fc.assert(
    fc.asyncProperty(one, async ({ names, script, requires, ...values }) => {
      const plain = names.map((name) => name.replaceAll("/", "_"));
      const asked = { kind: "rpm", files: { "/opt/x": "tree", "/etc/x": "tree" }, ...values, requires: [requires] };
      // What the schema refuses is an error of the recipe, with its line; the rest of it is packed nevertheless.
      const issues = kind.schema.safeParse(asked).error?.issues ?? [];
      const refused = new Set(issues.map(({ path }) => String(path[0])));
      const spec = Object.fromEntries(Object.entries(asked).filter(([key]) => !refused.has(key)));
      const made = await packTree(spec, { names: plain, script }).catch((error: unknown) => error);
      if (made instanceof KilnError) {
        expect(made.code).toBe("ARTIFACT_INVALID");
        return;
      }
      if (made instanceof Error) throw made;
      const { path } = made as Made;
      expect(readdirSync(dirname(dirname(path)))).not.toContain("evil");
      packages += 1;
      const said = rpm(
        path,
        "--queryformat",
        "%{SUMMARY}\u0001%{DESCRIPTION}\u0001%{LICENSE}\u0001%{VENDOR}\u0001%{POSTIN}",
      );
      const [summary, description, license, vendor, post] = said.split("\u0001");
      if (spec["summary"] !== undefined) expect(summary).toBe(spec["summary"]);
      if (spec["license"] !== undefined) expect(license).toBe(spec["license"]);
      if (spec["vendor"] !== undefined) expect(vendor).toBe(spec["vendor"]);
      if (spec["description"] !== undefined) expect(trimmed(description)).toEqual(trimmed(String(spec["description"])));
      expect(trimmed(post)).toEqual(trimmed(script));
      const listed = rpm(path, "--queryformat", "[%{FILENAMES}\u0001]").split("\u0001").filter(Boolean);
      expect(listed.toSorted()).toEqual(
        ["/etc/x", "/opt/x", ...plain.flatMap((name) => [`/etc/x/${name}`, `/opt/x/${name}`])].toSorted(),
      );
    }),
    { numRuns: 12 },
  );
  expect(packages).toBeGreaterThan(4);
});

function trimmed(value: string | undefined): string[] {
  return (value ?? "")
    .trim()
    .split("\n")
    .map((line) => line.trimEnd());
}

async function packTree(
  spec: Readonly<Record<string, unknown>>,
  { names, script }: { readonly names: readonly string[]; readonly script: string },
): Promise<Made> {
  const files = Object.fromEntries(names.map((name) => [`tree/${name}`, "x"]));
  return pack({ ...spec, scripts: { post: "post.sh" } }, { "post.sh": `#!/bin/sh\n${script}`, ...files });
}

test("what differs between two packages is named: a tag, or a file with its bytes", async () => {
  const members = async (path: string) => {
    const found: Record<string, string> = {};
    await kind.readMembers(path, {
      env: {},
      signal: new AbortController().signal,
      onMember: (member) => {
        found[member.path] = `${JSON.stringify(member.facts)} `;
        return (piece) => {
          found[member.path] += piece.toString("latin1");
        };
      },
    });
    return found;
  };
  const big = "0123456789abcdef".repeat(20_000);
  const spec = { files: { "/opt/x": "tree", "/opt/link": { link: "x" } } };
  const one = await members((await pack(spec, { "tree/a": "1", "tree/big": big })).path);
  expect(one["opt/x/a"]).toBe('{"mode":"100644","modified":"1700000000"} 1');
  expect(one["opt/x/big"]?.endsWith(` ${big}`)).toBe(true);
  expect(one["opt/link"]).toContain(" x");
  expect(one["opt/x"]).toBe('{"mode":"040755","modified":"1700000000"} ');
  expect(one["HEADER/name"]).toBe("{} sample\0");
  const other = await members((await pack({ ...spec, summary: "other" }, { "tree/a": "2", "tree/big": big })).path);
  const names = Object.keys(one).filter((name) => one[name] !== other[name]);
  expect(names).toEqual(expect.arrayContaining(["HEADER/summary", "opt/x/a"]));
  expect(names).not.toContain("opt/x/big");
});

test("a program inside makes it a package for its machine; folders that a system has are never its own", async () => {
  const project = { build: "mkdir -p bin && cp /usr/bin/true bin/app && touch bin/other" };
  const files = { "/usr/bin": "bin", "/usr/share/man/man1/app.1": "kiln.yaml", "/opt/own/deep/x": "kiln.yaml" };
  const { artifact, path } = await make({ files }, project);
  const machine = { x64: "x86_64", arm64: "aarch64" }[process.arch as string] ?? process.arch;
  expect(artifact).toMatchObject({ file: `sample-1.2.3-1.${machine}.rpm`, platform: `linux-${process.arch}` });
  expect(rpm(path, "--list").trim().split("\n")).toEqual([
    "/opt/own",
    "/opt/own/deep",
    "/opt/own/deep/x",
    "/usr/bin/app",
    "/usr/bin/other",
    "/usr/share/man/man1/app.1",
  ]);
  expect(rpm(path, "--requires")).toContain("libc.so.6");
});

test("a pre-release sorts before its release, and a revision is rpm's release", async () => {
  const evr = async (version: string, spec = {}) => {
    const { path } = await pack({ files: { "/opt/x": "x" }, ...spec }, { x: "x" }, version);
    return rpm(path, "--queryformat", "%{EVR}");
  };
  expect(await evr("1.2.0-rc.1")).toBe("1.2.0~rc.1-1");
  expect(await evr("1.2.3", { release: "4.fc99" })).toBe("1.2.3-4.fc99");
});

test.each([
  ["no license", { license: undefined, files: { "/x": "x" } }],
  ["a line break in the summary", { summary: "a\n%post", files: { "/x": "x" } }],
  ["a description that begins a section", { description: "a\n  %files", files: { "/x": "x" } }],
  ["two relations in one", { requires: ["a b"], files: { "/x": "x" } }],
  ["a macro in a relation", { requires: ["a%{nil}"], files: { "/x": "x" } }],
  ["a relation without a version", { requires: ["a >="], files: { "/x": "x" } }],
  ["a package with a space", { package: "a b", files: { "/x": "x" } }],
  ["a user with a quote", { users: { "a'b": {} }, files: { "/x": "x" } }],
])("%s is an error of the recipe", (_, spec) => {
  expect(kind.schema.safeParse({ kind: "rpm", license: "MIT", ...spec }).success).toBe(false);
});

test.each([
  [
    "a script with arguments to its interpreter",
    { scripts: { post: "s" } },
    { s: "#!/bin/sh -e\n" },
    /interpreter "\/bin\/sh -e"/,
  ],
  ["a script that isn't text", { scripts: { post: "s" } }, { s: "a\0b" }, /which isn't text/],
  [
    "a script for perl where units need shell",
    { scripts: { post: "s" }, units: { "a.service": "u" } },
    { s: "#!/usr/bin/perl\n", u: unit },
    /want one for \/bin\/sh/,
  ],
  ["a unit that is none", { units: { "a.service": "s" } }, { s: "x" }, /without any section/],
  ["a configuration file that isn't there", { config: ["/opt/none"] }, {}, /want a file of the package/],
])("%s is refused", async (_, spec, files, message) => {
  expect(await failure(pack({ files: { "/opt/x": "x" }, ...spec }, { x: "x", ...files }))).toMatch(message);
});
