/** The state of the view: what a server says of itself, a picture at a time. */
import { Subject } from 'rxjs';
import { expect, test } from 'vitest';
import type { Point, ShownRefusal, WatchMessage } from '../../../src/files/protocol/watching.ts';
import type { Lost } from '../../../src/web/watch/feed.ts';
import { createWatch } from '../../../src/web/watch/model.ts';

const point = { at: 1 } as Point;
const refusal = (number: number) => ({ number }) as ShownRefusal;
const opening = (refusals: readonly ShownRefusal[]): WatchMessage => ({
  type: 'opening',
  version: '1',
  since: 0,
  limits: { connections: null, memory: 1 },
  history: [point],
  refusals,
});
const sample = (refusals: readonly ShownRefusal[]) =>
  ({ type: 'sample', point, refusals }) as unknown as WatchMessage;
const row = { id: 'a', remote: 'x', since: 0, receivedRate: 0, sentRate: 0 };
const connections = {
  type: 'connections',
  seq: 0,
  rows: [row],
  gone: [],
  pass: 'all',
} as unknown as WatchMessage;

function watching() {
  const feed$ = new Subject<WatchMessage | Lost>();
  const frames: (() => void)[] = [];
  const model = createWatch(feed$, (draw) => frames.push(draw));
  return { feed$, frames, model, draw: () => frames.shift()?.() };
}

test('many messages are one picture, and the table another behind it', () => {
  const { feed$, frames, model, draw } = watching();
  for (const message of [opening([]), sample([]), sample([]), connections]) feed$.next(message);
  expect(frames.length).toBe(1);
  expect(model.state().is).toBe('connecting');
  draw();
  expect(model.state()).toMatchObject({ is: 'live', points: [point, point, point], rows: [], total: 0 });
  draw();
  expect(model.state()).toMatchObject({ rows: [{ id: 'a' }], total: 1 });
  expect(frames.length).toBe(0);
});

test('a refusal that is said twice is shown once, the newest first', () => {
  const { feed$, model, draw } = watching();
  for (const message of [opening([refusal(0), refusal(1)]), sample([refusal(1), refusal(2)])])
    feed$.next(message);
  draw();
  expect(model.state().refusals.map(({ number }) => number)).toEqual([2, 1, 0]);
});

test('what is shown stays when the connection is lost, and is forgotten when another begins', () => {
  const { feed$, frames, model, draw } = watching();
  for (const message of [opening([]), connections, { type: 'lost', inMs: 1 } as const]) feed$.next(message);
  while (frames.length > 0) draw();
  expect(model.state()).toMatchObject({ is: 'lost', total: 1 });
  feed$.next(opening([]));
  while (frames.length > 0) draw();
  expect(model.state()).toMatchObject({ is: 'live', total: 0, rows: [] });
});
