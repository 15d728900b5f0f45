/** What clients have asked of a server that was killed, and whether the events that came fit to it. */
import { expect } from 'vitest';

export interface AskedChange {
  readonly type: 'stored' | 'removed' | 'renamed';
  readonly name: string;
  readonly from?: string;
  /** No two files have the same. */
  readonly size: number;
  /** `unknown`: the connection broke before the answer. */
  outcome: 'done' | 'refused' | 'unknown';
}

/** An event as it came. */
export interface CameEvent {
  readonly id: string;
  readonly type: string;
  readonly name: string;
  readonly from?: string | undefined;
  readonly size: number;
}

const keyOf = ({ type, name, from, size }: AskedChange | CameEvent): string =>
  `${type} ${from ?? ''} ${name} ${size}`;

/** The first time that each came. Those that came again must be the same. */
function firsts(came: readonly CameEvent[]): readonly CameEvent[] {
  const byId = new Map<string, CameEvent>();
  for (const event of came) {
    const before = byId.get(event.id);
    if (before === undefined) byId.set(event.id, event);
    else expect(event).toEqual(before);
  }
  return [...byId.values()];
}

/**
 * Throws unless every change that was acknowledged has its event, no event is about what did not happen, and those of each
 * name are in their order.
 *
 * @param asked in the order of each client, and no two clients use the same names.
 * @param files the sizes of the files that there are at the end.
 */
export function checkEvents(
  asked: readonly AskedChange[],
  came: readonly CameEvent[],
  files: ReadonlyMap<string, number>,
): void {
  const events = firsts(came);
  const keys = events.map(keyOf);
  expect(new Set(keys).size).toBe(keys.length);
  const told = new Set(keys);
  for (const change of asked) {
    if (change.outcome === 'done') expect(told).toContain(keyOf(change));
    if (change.outcome === 'refused') expect(told).not.toContain(keyOf(change));
  }
  const possible = new Set(asked.map(keyOf));
  for (const key of keys) expect(possible).toContain(key);
  const namesOf = ({ name, from }: { readonly name: string; readonly from?: string | undefined }) =>
    from === undefined ? [name] : [from, name];
  for (const name of new Set(asked.flatMap(namesOf))) {
    const order = asked.filter((change) => namesOf(change).includes(name) && told.has(keyOf(change)));
    const inOrder = events.filter((event) => namesOf(event).includes(name));
    expect(inOrder.map(keyOf)).toEqual(order.map(keyOf));
  }
  const said = new Map<string, number>();
  for (const change of asked) {
    if (!told.has(keyOf(change))) continue;
    if (change.type === 'removed') said.delete(change.name);
    else said.set(change.name, change.size);
    if (change.from !== undefined) said.delete(change.from);
  }
  expect([...said].sort()).toEqual([...files].sort());
}
