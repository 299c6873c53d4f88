// Work that is started ahead and answered in the order in which it was asked for: the pool of threads that verifies
// signatures is kept busy while the next entries are read, and findings come out as if one were checked after the other.

/** What was started for each of `items`, settled, in order; at most `ahead` are under way. */
export async function* inOrder<T, R>(
  items: AsyncIterable<T> | Iterable<T>,
  { ahead, start }: { readonly ahead: number; readonly start: (item: T) => R | Promise<R> },
): AsyncGenerator<R> {
  const under: Work<R>[] = [];
  for await (const item of items) {
    const work = { answer: start(item) };
    // It is awaited when its turn comes; until then, or when the reader leaves early, its failure is nobody's.
    if (work.answer instanceof Promise) work.answer.catch(() => undefined);
    under.push(work);
    if (under.length < ahead) continue;
    // Half of them at once, so that the pool has work while these are taken.
    for (const { answer } of under.splice(0, Math.ceil(ahead / 2))) yield await answer;
  }
  for (const { answer } of under) yield await answer;
}

interface Work<R> {
  readonly answer: R | Promise<R>;
}
