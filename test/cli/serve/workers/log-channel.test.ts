/** The log of a worker: what is sent to the process that has the one log, and what is lost when that is too slow. */
import { expect, test } from 'vitest';
import { createServerLog } from '../../../../src/cli/serve/server-log.ts';
import { createLogChannel } from '../../../../src/cli/serve/workers/log-channel.ts';
import { jsonLines } from '../../../support/processes/cli.ts';

/** The other process, which takes each message when it is told to. */
function slowLog() {
  const got: string[] = [];
  const waiting: (() => void)[] = [];
  return {
    got,
    /** Has it take the message that waits, and waits for the next one. */
    take: async () => {
      waiting.shift()?.();
      await new Promise(setImmediate);
    },
    calls: {
      tell: (_: string, text: unknown) => void got.push(String(text)),
      call: <T>(_: string, text: unknown) =>
        new Promise<T>((resolve) => {
          got.push(String(text));
          waiting.push(() => resolve(undefined as T));
        }),
    },
  };
}

test('lines are sent in their order, and the next message waits until the one before was taken', async () => {
  const log = slowLog();
  const sink = createLogChannel(log.calls, 1000);
  sink.write('a\n');
  sink.flush();
  sink.write('b\n');
  sink.write('c\n');
  sink.flush();
  expect(log.got).toEqual(['a\n']);
  await log.take();
  expect(log.got).toEqual(['a\n', 'b\nc\n']);
});

test('lines beyond the bound are lost and counted, with those that are on their way', async () => {
  const log = slowLog();
  const sink = createLogChannel(log.calls, 10);
  sink.write('12345\n');
  sink.flush();
  sink.write('678\n');
  sink.write('9\n');
  sink.write('x\ny\n');
  expect(sink.lost()).toEqual({ held: 3, refused: 0 });
  expect(sink.lost()).toEqual({ held: 0, refused: 0 });
  sink.flush();
  await log.take();
  await log.take();
  sink.write('more\n');
  sink.flush();
  expect(log.got).toEqual(['12345\n', '678\n', 'more\n']);
});

test('it is closed when the last line was taken', async () => {
  const log = slowLog();
  const sink = createLogChannel(log.calls, 1000);
  sink.write('a\n');
  let isClosed = false;
  const closed = sink.close().then(() => {
    isClosed = true;
  });
  await new Promise(setImmediate);
  expect(isClosed).toBe(false);
  await log.take();
  await closed;
});

test('each line of a worker has its number, where the line of another server has none', async () => {
  const log = slowLog();
  const server = createServerLog({ terminal: false, sink: createLogChannel(log.calls, 10_000), worker: 3 });
  const where = { connection: 'tcp:1', remote: '127.0.0.1:5' };
  const asked = { request: 1, ms: 1 };
  server.info('hello');
  server.event({ type: 'stored', filename: 'a', size: 1, crc32: 2, durable: true, ...asked, ...where });
  server.event({ type: 'turned-away', code: 'too-many-connections', ...where });
  const closed = server.close();
  await log.take();
  await closed;
  expect(jsonLines(log.got.join('')).map(({ worker, msg }) => [worker, msg])).toEqual([
    [3, 'hello'],
    [3, 'stored'],
    [3, 'turned away'],
  ]);
});
