// Notices in a file of JSON lines that only grows: an opened notice is a line, and so is its closing. Synced before it is
// answered for. A last line that a power cut tore is cut off.

import { access, constants, mkdir, open, readFile } from "node:fs/promises";
import { dirname } from "node:path";

/** Opens the file, or makes it and the folder that holds it. */
export async function openStore(path) {
  await mkdir(dirname(path), { recursive: true });
  const notices = new Map();
  const whole = wholeLines(await readIfThere(path));
  for (const line of whole.split("\n").filter(Boolean)) apply(notices, JSON.parse(line));
  const file = await open(path, "a", 0o640);
  await file.truncate(Buffer.byteLength(whole));
  let last = Promise.resolve();

  const write = async (event) => {
    await file.write(`${JSON.stringify(event)}\n`);
    await file.datasync();
    apply(notices, event);
  };
  /** One line after the other; one that fails doesn't keep back the next. */
  const append = async (event) => {
    const turn = Promise.allSettled([last]).then(() => write(event));
    last = turn;
    await turn;
  };

  return {
    /** Newest first. */
    all: () => [...notices.values()].toReversed(),
    async open({ title, body = "", severity }) {
      const id = notices.size + 1;
      await append({ id, title, body, severity, opened: new Date().toISOString() });
      return notices.get(id);
    },
    async close(id) {
      if (notices.get(id)?.closed !== null) return undefined;
      await append({ id, closed: new Date().toISOString() });
      return notices.get(id);
    },
    /** What keeps it from writing; undefined when nothing does. */
    async problem() {
      try {
        await access(path, constants.W_OK);
        return undefined;
      } catch (error) {
        return error.message;
      }
    },
    async end() {
      await Promise.allSettled([last]);
      await file.close();
    },
  };
}

function apply(notices, { id, ...event }) {
  notices.set(id, { id, closed: null, ...notices.get(id), ...event });
}

function wholeLines(text) {
  return text.slice(0, text.lastIndexOf("\n") + 1);
}

async function readIfThere(path) {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if (error.code === "ENOENT") return "";
    throw error;
  }
}
