// A store around another one, in which any operation can be watched, held up, or fail. Faults come in pairs: the operation
// failed and didn't happen, or it happened and its answer was lost. Operations are counted from 1 in the order they begin.

import { KilnError } from "../../src/errors.ts";
import type { Store } from "../../src/stores/store.ts";

export interface Operation {
  readonly number: number;
  readonly name: "get" | "head" | "list" | "create" | "link" | "replace" | "remove";
  readonly key: string;
}

export interface FaultyOptions {
  /**
   * Awaited before the operation begins and after it took effect (also when it failed): a scheduler holds it up here, a
   * sweep ends the process here, and what it throws the operation throws.
   */
  readonly gate?: (operation: Operation, moment: "before" | "after") => void | Promise<void>;
  /** Whether this operation fails: without having happened, or having happened. */
  readonly fault?: (operation: Operation) => "not persisted" | "persisted" | undefined;
}

/** The error of an injected fault is STORE_UNREACHABLE. */
export function faultyStore(store: Store, { gate, fault }: FaultyOptions): Store {
  let begun = 0;
  async function run<T>(name: Operation["name"], key: string, work: () => Promise<T>): Promise<T> {
    const operation: Operation = { number: ++begun, name, key };
    const planned = fault?.(operation);
    await gate?.(operation, "before");
    try {
      if (planned === "not persisted") throw injected(operation, planned);
      const result = await work();
      if (planned === "persisted") throw injected(operation, planned);
      return result;
    } finally {
      await gate?.(operation, "after");
    }
  }
  return {
    url: store.url,
    get: (key, range) => run("get", key, () => store.get(key, range)),
    head: (key) => run("head", key, () => store.head(key)),
    async *list(prefix) {
      yield* await run("list", prefix, async () => Array.fromAsync(store.list(prefix)));
    },
    create: (key, body) => run("create", key, () => store.create(key, body)),
    link: (key, from) => run("link", key, () => store.link(key, from)),
    replace: (key, body, etag) => run("replace", key, () => store.replace(key, body, etag)),
    ...(store.likelyEtag === undefined ? {} : { likelyEtag: store.likelyEtag }),
    remove: (key, unchangedSince) => run("remove", key, () => store.remove(key, unchangedSince)),
  };
}

/** The fault of operation `number` alone: what a sweep plans. */
export function faultAt(number: number, kind: "not persisted" | "persisted"): NonNullable<FaultyOptions["fault"]> {
  return (operation) => (operation.number === number ? kind : undefined);
}

function injected(operation: Operation, kind: string): KilnError {
  return new KilnError(
    "STORE_UNREACHABLE",
    `${operation.name} ${operation.key}: got an injected fault (${kind}) at operation ${operation.number}`,
  );
}
