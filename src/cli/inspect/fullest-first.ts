/** A heap of groups of rows, the one with the most rows on top; of equals, the one that was opened first. */

export interface RowGroup {
  /** Counts the groups in the order in which they were opened. */
  readonly order: number;
  rows: string[];
  /** Its place in the heap; -1 while it is not in it. */
  place: number;
}

export interface FullestFirst<T extends RowGroup> {
  /** Call it after each row that was added to a group, which may be the first. */
  grown(group: T): void;
  /** Takes a group out, in which there may be no rows. Does nothing when it is not in the heap. */
  remove(group: T): void;
  fullest(): T | undefined;
}

/** Each call takes a time that grows with the logarithm of how many groups are in the heap. */
export function createFullestFirst<T extends RowGroup>(): FullestFirst<T> {
  const heap: T[] = [];

  function put(group: T, place: number): void {
    heap[place] = group;
    group.place = place;
  }

  function rise(group: T, from: number): void {
    let place = from;
    while (place > 0) {
      const above = (place - 1) >> 1;
      if (isAbove(heap[above]!, group)) break;
      put(heap[above]!, place);
      place = above;
    }
    put(group, place);
  }

  function sink(group: T, from: number): void {
    let place = from;
    for (;;) {
      let below = 2 * place + 1;
      if (below >= heap.length) break;
      if (below + 1 < heap.length && isAbove(heap[below + 1]!, heap[below]!)) below++;
      if (isAbove(group, heap[below]!)) break;
      put(heap[below]!, place);
      place = below;
    }
    put(group, place);
  }

  return {
    grown: (group) => rise(group, group.place === -1 ? heap.length : group.place),
    remove(group) {
      const { place } = group;
      if (place === -1) return;
      group.place = -1;
      const last = heap.pop()!;
      if (last === group) return;
      rise(last, place);
      sink(last, last.place);
    },
    fullest: () => heap[0],
  };
}

function isAbove(one: RowGroup, other: RowGroup): boolean {
  const more = one.rows.length - other.rows.length;
  return more > 0 || (more === 0 && one.order < other.order);
}
