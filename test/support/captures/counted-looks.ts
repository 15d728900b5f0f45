/**
 * A list that counts how often one of its elements is looked at: what a search in it costs, on any machine.
 *
 * The moves that `splice`, `shift` and `unshift` make are the engine's, of a block at once, and do not count. All else
 * does: indices, `at`, iteration, and the methods that go through a list.
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
