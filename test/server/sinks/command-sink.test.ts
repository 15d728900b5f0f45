/** Events for a command: what it gets, what its end means, and that it ends. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { commandSink } from '../../../src/server/sinks/command-sink.ts';
import type { ChangeEvent } from '../../../src/store/changes/change-log.ts';
import { tempFolder } from '../../support/stores/temp-folder.ts';

const event: ChangeEvent = {
  ...{ id: 'abc-1', sequence: 1, type: 'stored', name: "it's $HOME; a name", size: 5, time: 0 },
};
const signal = new AbortController().signal;
const shell = (script: string, timeoutMs = 10_000) =>
  commandSink({ name: 'command', command: ['sh', '-c', script, 'sh'], timeoutMs });

describe('a command', () => {
  test('gets the event as JSON on its standard input', async () => {
    const file = join(tempFolder(), 'event');
    const sink = commandSink({ name: 'command', command: ['tee', file] });
    expect(await sink.deliver(event, signal)).toEqual({ type: 'delivered' });
    expect(JSON.parse(readFileSync(file, 'utf8'))).toMatchObject({ id: 'abc-1', subject: event.name });
  });

  test('has taken the event when it exits with 0, though it has not read it', async () => {
    expect(await shell('exit 0').deliver(event, signal)).toEqual({ type: 'delivered' });
  });

  test('is run again after any other end, and says why', async () => {
    expect(await shell('echo "no room" >&2; exit 3').deliver(event, signal)).toEqual({
      type: 'failed',
      reason: 'it exited with 3: no room',
    });
    expect(await shell('kill -9 $$').deliver(event, signal)).toEqual({
      type: 'failed',
      reason: 'it was ended by SIGKILL',
    });
  });

  test('refuses the event for good with the status of wrong data', async () => {
    expect(await shell('exit 65').deliver(event, signal)).toEqual({
      type: 'refused',
      reason: 'it exited with 65',
    });
  });

  test('that is not there is run again', async () => {
    const sink = commandSink({ name: 'command', command: ['/nowhere/at-all'] });
    expect(await sink.deliver(event, signal)).toMatchObject({ type: 'failed' });
  });

  test('that runs for too long is killed, with what it has started', async () => {
    const file = join(tempFolder(), 'late');
    const script = `(sleep 1; touch ${file}) & sleep 60`;
    expect(await shell(script, 100).deliver(event, signal)).toEqual({
      type: 'failed',
      reason: 'it ran for more than 0.1 s',
    });
    expect(existsSync(file)).toBe(false);
  });

  test('is killed when its delivery is given up', async () => {
    const aborter = new AbortController();
    const answer = shell('sleep 60').deliver(event, aborter.signal);
    aborter.abort();
    expect(await answer).toEqual({ type: 'failed', reason: 'it was ended by SIGKILL' });
  });
});
