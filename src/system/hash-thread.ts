// SHA-256 on the other cores, for objects that are large enough to pay for it: while one thread reads, others hash. Pieces are
// handed over, not copied. Threads are started when they are first needed and never keep a process alive.

import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";

export interface ThreadHash {
  /** Takes `piece` in, and its memory over. Waits while too much is under way. */
  update(piece: Uint8Array): Promise<void>;
  /** Of all that was taken in and `tail` after it; it can be gone on from. */
  digestAfter(tail: Uint8Array): Promise<Buffer>;
  /** Nothing more will be taken in: the thread is free for others. */
  end(): void;
}

/** Pieces of one object that may wait for their thread. */
const mostWaiting = 4;

interface Thread {
  /** Objects that are being taken in. */
  load: number;
  ask(request: Request, pieces: readonly ArrayBuffer[]): Promise<Uint8Array | undefined>;
}

type Request =
  | { readonly does: "update"; readonly id: number; readonly piece: Uint8Array }
  | { readonly does: "digest"; readonly id: number; readonly tail: Uint8Array };

const threads: Thread[] = [];
let ids = 0;

/** A state in the thread that has the fewest. */
export function hashInThread(): ThreadHash {
  const thread = leastLoaded();
  const id = (ids += 1);
  const waiting: Promise<unknown>[] = [];
  let ended = false;
  thread.load += 1;
  return {
    async update(piece) {
      // A part of a larger memory isn't ours to give away.
      const own = piece.byteLength === piece.buffer.byteLength ? piece : Uint8Array.from(piece);
      waiting.push(thread.ask({ does: "update", id, piece: own }, [own.buffer as ArrayBuffer]));
      if (waiting.length >= mostWaiting) await waiting.shift();
    },
    async digestAfter(tail) {
      const digest = await thread.ask({ does: "digest", id, tail }, []);
      await Promise.all(waiting);
      return Buffer.from(digest ?? new Uint8Array());
    },
    end() {
      if (!ended) thread.load -= 1;
      ended = true;
    },
  };
}

function leastLoaded(): Thread {
  const [least] = threads.toSorted((a, b) => a.load - b.load);
  if (least !== undefined && (least.load === 0 || threads.length >= availableParallelism())) return least;
  const thread = startThread();
  threads.push(thread);
  return thread;
}

function startThread(): Thread {
  const worker = new Worker(`(${work.toString()})()`, { eval: true });
  worker.unref();
  const answers: PromiseWithResolvers<Uint8Array | undefined>[] = [];
  worker.on("message", (answer: Uint8Array | undefined) => {
    answers.shift()?.resolve(answer);
    if (answers.length === 0) worker.unref();
  });
  worker.on("error", (error) => {
    for (const { reject } of answers.splice(0)) reject(error);
  });
  return {
    load: 0,
    ask(request, pieces) {
      const answer = Promise.withResolvers<Uint8Array | undefined>();
      if (answers.length === 0) worker.ref();
      answers.push(answer);
      worker.postMessage(request, [...pieces]);
      return answer.promise;
    },
  };
}

/** What a thread runs: it is given as text, so it needs nothing from here, and no file of its own. */
function work(): void {
  const { parentPort } = process.getBuiltinModule("node:worker_threads");
  const { createHash } = process.getBuiltinModule("node:crypto");
  const states = new Map<number, ReturnType<typeof createHash>>();
  parentPort?.on("message", (request: Request) => {
    const state = states.get(request.id) ?? createHash("sha256");
    states.set(request.id, state);
    if (request.does === "update") state.update(request.piece);
    const answer = request.does === "digest" ? state.copy().update(request.tail).digest() : undefined;
    parentPort.postMessage(answer, []);
  });
}
