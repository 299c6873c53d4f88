// Work that is started ahead and answered in the order in which it was asked for: the pool of threads that verifies
// signatures is kept busy while the next entries are read, and findings come out as if one were checked after the other.

/** What was started for each of `items`, settled, in order; at most `ahead` are under way. */
export async function* inOrder<T, R>(
  items: AsyncIterable<T> | Iterable<T>,
  { ahead, start }: { readonly ahead: number; readonly start: (item: T) => R | Promise<R> },
): AsyncGenerator<R> {
  const started: (R | Promise<R>)[] = [];
  let next = 0;
  for await (const item of items) {
    const work = start(item);
    // It is awaited when its turn comes; until then, or when the reader leaves early, its failure is nobody's.
    if (work instanceof Promise) work.catch(() => undefined);
    started.push(work);
    if (started.length - next < ahead) continue;
    // Half of them, so that the pool has work while these are taken.
    for (const end = next + ahead / 2; next < end; next += 1) yield await (started[next] as R | Promise<R>);
    started.splice(0, next);
    next = 0;
  }
  for (const work of started) yield await work;
}
