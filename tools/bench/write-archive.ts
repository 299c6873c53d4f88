// Packs a folder as a bake packs an archive, in a process of its own: `write-archive.ts FOLDER FILE`.

import { entriesOf } from "../../src/system/archive-entries.ts";
import { writeArchive } from "../../src/system/archive.ts";

const [folder = "", file = ""] = process.argv.slice(2);
await writeArchive(file, entriesOf(folder), { time: 0 });
