/**
 * A first-in, first-out queue that neither shifts nor leaks: `Array.shift` moves what is left each time.
 *
 * It bounds nothing by itself; who uses it says what does.
 */
export interface Queue<T> {
  readonly length: () => number;
  readonly push: (item: T) => void;
  readonly shift: () => T | undefined;
}

export function createQueue<T>(): Queue<T> {
  let items: (T | undefined)[] = [];
  let head = 0;
  return {
    length: () => items.length - head,
    push: (item) => {
      items.push(item);
    },
    shift: () => {
      if (head === items.length) return undefined;
      const item = items[head];
      items[head++] = undefined;
      if (head === items.length) {
        items.length = 0;
        head = 0;
      } else if (head >= 1024 && head * 2 >= items.length) {
        items = items.slice(head);
        head = 0;
      }
      return item;
    },
  };
}
