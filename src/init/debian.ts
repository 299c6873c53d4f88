// debian/: the fields of control become a deb artifact for each binary package; what debhelper's files say is taken over where
// the kind has it, and named where it hasn't. The rules themselves are not run: make's or the project's own build is.

import type { Finding, Line, ProposedArtifact } from "./finding.ts";
import type { Folder } from "./folder.ts";

type Paragraph = Readonly<Record<string, string>>;

export function lookAtDebian(folder: Folder): Finding | undefined {
  const [source, ...packages] = paragraphs(folder.text("debian/control") ?? "");
  const isWhole =
    packages.length > 0 && packages.every((fields) => /^[a-z0-9][a-z0-9+.-]+$/.test(fields["package"] ?? ""));
  if (source?.["source"] === undefined || !isWhole) return undefined;
  const build = buildOf(folder);
  const isOnly = packages.length === 1;
  const artifacts = packages.map((fields): ProposedArtifact =>
    artifactOf(fields, { source, folder, isOnly, staged: build !== undefined }),
  );
  const changelog = folder.has("debian/changelog");
  return {
    file: "debian/control",
    saw: `packages ${packages.map((fields) => fields["package"] ?? "").join(", ")}`,
    name: source["source"],
    version: changelog
      ? {
          yaml: String.raw`{ from: file, path: FOLDER/debian/changelog, regex: '^\S+ \((?:\d+:)?([^()-]+)' }`,
          note: "Without epoch and Debian revision: those are for whoever packages somebody else's releases.",
        }
      : undefined,
    build: build ?? [],
    artifacts,
    notes: notesOf(folder, packages),
  };
}

/** Fields in lower case. Lines that continue one keep their line breaks, without the leading space. */
function paragraphs(text: string): Paragraph[] {
  return text
    .replaceAll(/^#.*\n/gm, "")
    .split(/\n\s*\n/)
    .filter((part) => part.trim() !== "")
    .map((part) => {
      const fields = part
        .trimEnd()
        .split(/\n(?![ \t])/)
        .flatMap((field): [string, string][] => {
          const at = field.indexOf(":");
          return at < 0
            ? []
            : [
                [
                  field.slice(0, at).toLowerCase(),
                  field
                    .slice(at + 1)
                    .trim()
                    .replaceAll(/\n[ \t]/g, "\n"),
                ],
              ];
        });
      return Object.fromEntries(fields);
    });
}

/** How it is built and installed into `debian/tmp`; undefined where only the project's other files can say. */
function buildOf(folder: Folder): Line[] | undefined {
  const stage = 'DESTDIR="$PWD/debian/tmp"';
  if (folder.has("CMakeLists.txt")) {
    return [
      { run: "cmake -S . -B obj -DCMAKE_INSTALL_PREFIX=/usr -DCMAKE_BUILD_TYPE=Release && cmake --build obj" },
      { run: `${stage} cmake --install obj` },
    ];
  }
  if (folder.has("meson.build"))
    return [{ run: "meson setup obj --prefix=/usr && ninja -C obj" }, { run: `${stage} ninja -C obj install` }];
  if (folder.has("configure")) return [{ run: "./configure --prefix=/usr && make" }, { run: `make install ${stage}` }];
  const makefile = folder.text("Makefile") ?? folder.text("makefile") ?? folder.text("GNUmakefile");
  if (makefile === undefined) return undefined;
  const install = {
    run: `make install ${stage} PREFIX=/usr prefix=/usr`,
    note: "As debhelper does it: into debian/tmp.",
  };
  return /^install:/m.test(makefile) ? [{ run: "make" }, install] : [{ run: "make" }];
}

interface Around {
  readonly source: Paragraph;
  readonly folder: Folder;
  readonly isOnly: boolean;
  /** Whether the build fills debian/tmp. */
  readonly staged: boolean;
}

const relations = {
  depends: "depends",
  "pre-depends": "preDepends",
  recommends: "recommends",
  suggests: "suggests",
  enhances: "enhances",
  breaks: "breaks",
  conflicts: "conflicts",
  replaces: "replaces",
  provides: "provides",
} as const;

function artifactOf(fields: Paragraph, around: Around): ProposedArtifact {
  const { source, folder, isOnly } = around;
  const name = fields["package"] ?? "package";
  const own = (file: string) => [`debian/${name}.${file}`, ...(isOnly ? [`debian/${file}`] : [])].find(folder.has);
  const { files, note } = filesOf(name, own("install"), around);
  const named = Object.entries(relations).flatMap(([field, key]) => {
    const list = relationsIn(fields[field] ?? "");
    return list.length === 0 ? [] : [[key, list] as const];
  });
  const scripts = ["preinst", "postinst", "prerm", "postrm", "config", "templates", "triggers"].flatMap((script) => {
    const path = own(script);
    return path === undefined ? [] : [[script, path] as const];
  });
  const unit = own("service");
  const copyright = folder.has("debian/copyright") ? "debian/copyright" : undefined;
  const spec = {
    kind: "deb",
    package: name,
    ...(fields["architecture"] === "all" ? { architecture: "all" } : {}),
    section: fields["section"] ?? source["section"],
    maintainer: source["maintainer"],
    homepage: source["homepage"],
    description: fields["description"],
    ...Object.fromEntries(named),
    ...(scripts.length === 0 ? {} : { control: Object.fromEntries(scripts) }),
    ...(unit === undefined ? {} : { units: { [`${name}.service`]: unit } }),
    copyright,
    files,
  };
  const given = Object.fromEntries(Object.entries(spec).filter(([, value]) => value !== undefined));
  return { name, spec: { ...given, kind: "deb" }, ...(note === undefined ? {} : { note }) };
}

/** Relations that stand there as they are: what debhelper fills in (`${shlibs:Depends}`) the kind finds by itself. */
function relationsIn(field: string): string[] {
  return field
    .split(",")
    .map((relation) => relation.replaceAll(/\s+/g, " ").trim())
    .filter((relation) => relation !== "" && !relation.includes("${"));
}

interface Files {
  readonly files: Readonly<Record<string, string>>;
  readonly note?: string;
}

function filesOf(name: string, list: string | undefined, { folder, staged, isOnly }: Around): Files {
  const lines = (list === undefined ? "" : (folder.text(list) ?? ""))
    .split("\n")
    .map((line) => line.trim().split(/\s+/))
    .filter(([first]) => first !== undefined && first !== "" && !first.startsWith("#"));
  const entries = lines.flatMap(([from = "", to]): [string, string][] => {
    const isPattern = /[*?[\]${}]/.test(from);
    if (isPattern) return [];
    const isInSource = folder.files.some((file) => file === from || file.startsWith(`${from}/`));
    // Without a target it is a path below debian/tmp, and the same path on the system.
    if (to === undefined)
      return [
        [
          `/${from.replace(/^(?:debian\/tmp)?\/*/, "")}`,
          isInSource ? from : `debian/tmp/${from.replace(/^(?:debian\/tmp)?\/*/, "")}`,
        ],
      ];
    const base = from.split("/").at(-1) ?? from;
    return [
      [
        `/${to.replace(/^\/+/, "").replace(/\/+$/, "")}/${base}`,
        isInSource || from.startsWith("debian/") ? from : staged ? `debian/tmp/${from}` : from,
      ],
    ];
  });
  if (entries.length > 0 && entries.length === lines.length) return { files: Object.fromEntries(entries) };
  const left = lines.length - entries.length;
  const note = left > 0 ? `${list} has ${left} patterns, which this leaves out: name folders instead.` : undefined;
  if (entries.length > 0) return { files: Object.fromEntries(entries), ...(note === undefined ? {} : { note }) };
  if (staged && isOnly) return { files: installedFolders(folder) };
  return {
    files: { [`/usr/share/${name}`]: "." },
    note: "Nothing here says which file goes where: this packs the whole source. Write path on the system: path here.",
  };
}

/** What `make install` and its like fill, as far as its rules tell. */
function installedFolders(folder: Folder): Record<string, string> {
  const rules = ["Makefile", "CMakeLists.txt", "meson.build"].map((file) => folder.text(file) ?? "").join("\n");
  const settings = /\bsysconfdir\b|SYSCONFDIR|\/etc\b/.test(rules) ? { "/etc": "debian/tmp/etc" } : {};
  return { "/usr": "debian/tmp/usr", ...settings };
}

const known = /\.(?:install|service|preinst|postinst|prerm|postrm|config|templates|triggers)$/;
const never = new Set(
  "control changelog copyright rules compat watch gbp.conf salsa-ci.yml clean gitignore not-installed".split(" "),
);

function notesOf(folder: Folder, packages: readonly Paragraph[]): string[] {
  const names = packages.map((fields) => fields["package"] ?? "");
  const left = folder.files.filter((file) => {
    const [top, name = "", ...deeper] = file.split("/");
    if (top !== "debian" || deeper.length > 0 || never.has(name) || known.test(`.${name}`)) return false;
    return names.some((one) => name.startsWith(`${one}.`)) || !name.includes(".");
  });
  return left.length === 0
    ? []
    : [`Of debian/, this doesn't take over: ${left.map((file) => file.slice("debian/".length)).join(", ")}`];
}
