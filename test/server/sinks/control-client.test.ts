/** How a command reaches the log of changes that another process has open. */
import { mkdirSync } from 'node:fs';
import { createServer } from 'node:net';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { openEventsControl } from '../../../src/server/sinks/control-client.ts';
import { changesFolder, withSocketPath } from '../../../src/server/sinks/control-socket.ts';
import { value } from '../../../src/store/conformance/case.ts';
import { rootForEachTest } from '../../support/stores/store-roots.ts';

let root: string;
rootForEachTest((path) => {
  root = path;
});
afterEach(() => {
  vi.useRealTimers();
});

describe('a process that has a log open and has stopped', () => {
  test('is given up after half a minute without an answer, and not by who follows', async () => {
    mkdirSync(changesFolder(root), { recursive: true });
    const server = createServer(() => {});
    await withSocketPath(root, (path) => new Promise<void>((resolve) => server.listen(path, resolve)));
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const events = await value(openEventsControl(root));
    const ends: string[] = [];
    const following = events.follow(0).catch(() => ends.push('following'));
    await vi.advanceTimersByTimeAsync(3_600_000);
    expect(ends).toEqual([]);
    const asking = events.status().catch(() => ends.push('asking'));
    await vi.advanceTimersByTimeAsync(29_999);
    expect([ends, events.isGivenUp]).toEqual([[], false]);
    await vi.advanceTimersByTimeAsync(1);
    await Promise.all([asking, following]);
    expect(events.isGivenUp).toBe(true);
    server.close();
  });
});
