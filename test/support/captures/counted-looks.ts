/**
 * A list that counts how often its elements are read. The count is the cost of a search, and the same on any machine.
 *
 * `splice`, `shift` and `unshift` do not count: the engine moves a block at once. Indices, `at`, iteration and all
 * other methods count.
 *
 * @example
 * const { list, looks } = countedLooks<number>();
 * list.push(1, 2);
 * list.at(-1);
 * looks(); // 1
 */
export function countedLooks<T>(list: T[] = []): { readonly list: T[]; readonly looks: () => number } {
  let looks = 0;
  const moving: readonly PropertyKey[] = ['splice', 'shift', 'unshift'];
  const counted = new Proxy(list, {
    get(target, key) {
      if (typeof key === 'string' && /^\d+$/.test(key)) looks += 1;
      const value: unknown = Reflect.get(target, key);
      return moving.includes(key) ? (value as () => unknown).bind(target) : value;
    },
  });
  return { list: counted, looks: () => looks };
}
