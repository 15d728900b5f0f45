/** A binary heap: the least item comes out first. It is not bounded. Each file that creates one says what bounds it. */
export interface Heap<T> {
  readonly size: () => number;
  readonly push: (item: T) => void;
  /** Removes the least item and returns it; undefined when the heap is empty. */
  readonly pop: () => T | undefined;
}

/** @param less must give the same answers for as long as the items are in the heap. */
export function createHeap<T>(less: (a: T, b: T) => boolean): Heap<T> {
  const items: T[] = [];

  function rise(item: T, from: number): void {
    let place = from;
    while (place > 0) {
      const above = (place - 1) >> 1;
      if (!less(item, items[above]!)) break;
      items[place] = items[above]!;
      place = above;
    }
    items[place] = item;
  }

  function sink(item: T): void {
    let place = 0;
    for (;;) {
      let below = 2 * place + 1;
      if (below >= items.length) break;
      if (below + 1 < items.length && less(items[below + 1]!, items[below]!)) below++;
      if (!less(items[below]!, item)) break;
      items[place] = items[below]!;
      place = below;
    }
    items[place] = item;
  }

  return {
    size: () => items.length,
    push: (item) => {
      items.push(item);
      rise(item, items.length - 1);
    },
    pop: () => {
      const first = items[0];
      const last = items.pop();
      if (items.length > 0) sink(last!);
      return first;
    },
  };
}
