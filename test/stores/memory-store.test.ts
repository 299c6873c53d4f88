// The store of the simulations obeys the same laws as the real ones.

import { memoryStore } from "../faults/memory-store.ts";
import { readingContract, writingContract } from "./contract.ts";

writingContract(async () => memoryStore());
readingContract(async (content) => {
  const store = memoryStore();
  for (const [key, body] of Object.entries(content)) await store.create(key, body);
  return store;
});
