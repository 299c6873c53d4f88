// The store of the simulations obeys the same laws as the real ones.

import { openMemoryStore } from "../faults/memory-store.ts";
import { readingContract, writingContract } from "./contract.ts";

writingContract(async () => {
  let time = 0;
  return openMemoryStore(() => ++time);
});
readingContract(async (content) => {
  const store = openMemoryStore();
  for (const [key, body] of Object.entries(content)) await store.create(key, body);
  return store;
});
