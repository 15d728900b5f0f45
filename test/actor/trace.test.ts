import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { expect, test } from 'vitest';
import { formatTrace, type TraceEvent } from '../../src/actor/trace.ts';
import { echo } from '../../src/demo/echo.ts';
import { TRACE_CHANNEL, traceToChannel } from '../../src/server/trace-channel.ts';
import { served } from '../support/actors/served.ts';

const effects = [{ type: 'say' }, { type: 'send' }];
const event = (fields: { readonly type: string; readonly [field: string]: unknown }) =>
  formatTrace({ type: 'event', connection: 'tcp:3', event: fields, effects: [] });

test.each([
  [{ type: 'message', message: 'hello' }, 'message "hello"'],
  [{ type: 'message', message: 'x'.repeat(100) }, `message "${'x'.repeat(59)}…`],
  [{ type: 'data', bytes: Uint8Array.of(1, 255) }, 'data 2 bytes: 01 ff'],
  [{ type: 'input', input: { to: 1 } }, 'input {"to":1}'],
  [{ type: 'timer', key: 'k' }, 'timer "k"'],
  [{ type: 'timeout', kind: 'idle' }, 'timeout "idle"'],
  [{ type: 'fault', fault: { code: 'truncated' } }, 'fault truncated'],
  [{ type: 'closed', fault: null }, 'closed'],
  [{ type: 'failed', error: new Error('no') }, 'failed "Error: no"'],
])('a line of the trace says what an event has: %j', (fields, said) => {
  expect(event(fields)).toBe(`tcp:3 ${said} -> nothing`);
});

test('a message that has no JSON is shown as it is', () => {
  expect(event({ type: 'message', message: 7n })).toBe('tcp:3 message 7 -> nothing');
});

test('a line of the trace has the effects, and pauses with their reasons', () => {
  expect(formatTrace({ type: 'event', connection: 'tcp:3', event: { type: 'opened' }, effects })).toBe(
    'tcp:3 opened -> say, send',
  );
  expect(formatTrace({ type: 'pause', connection: 'tcp:3', why: 'credit' })).toBe('tcp:3 pause credit');
});

test('a trace goes to whoever listens on the channel of the process', async () => {
  const heard: unknown[] = [];
  const listen = (message: unknown) => void heard.push(message);
  const server = served(echo, { trace: traceToChannel });
  const client = server.connect();
  await client.send('before');
  await client.next();
  subscribe(TRACE_CHANNEL, listen);
  await client.send('after');
  await client.next();
  unsubscribe(TRACE_CHANNEL, listen);
  expect(heard.map((each) => formatTrace(each as TraceEvent).replace(/^\S+ /, ''))).toEqual([
    'message "after" -> send',
  ]);
  client.destroy();
});
