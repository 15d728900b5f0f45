/** What a written test ignores is what occurs in its recording, each with a reason. */
import { describe, expect, test } from 'vitest';
import { captureOf } from '../../../../src/capture/capture.ts';
import type { StreamEvent } from '../../../../src/capture/stream-event.ts';
import { logConversations } from '../../../../src/capture/trim/conversation-log.ts';
import { ignoredIn } from '../../../../src/cli/replay/write-test/ignored-fields.ts';
import type { JsonHeader } from '../../../../src/wire/json-header.ts';
import { conversationEvents } from '../../../support/captures/stream-events.ts';
import { pcapOfEvents } from '../../../support/captures/stream-pcap.ts';
import { frame } from '../../../support/network/peer.ts';

async function ignoredOf(...replies: readonly (JsonHeader | number)[]) {
  const { open, send, gap, close } = conversationEvents();
  const events: StreamEvent[] = [open(), send('client', frame({ cmd: 'ping' }))];
  for (const reply of replies) {
    events.push(typeof reply === 'number' ? gap('server', reply) : send('server', frame(reply)));
  }
  events.push(close());
  const bounds = { maxBytes: 1e6, maxConversations: 10 };
  const { fields, remarks } = ignoredIn(await logConversations(captureOf(pcapOfEvents(events)), bounds));
  return { names: fields.map(({ name }) => name), remarks };
}

describe('what a written test ignores', () => {
  test('a test ignores the fields that its replies have, at any depth, and no others', async () => {
    const list = { ack: 'list', files: [{ name: 'a', mtime: 1 }] };
    expect((await ignoredOf({ ack: 'ping' })).names).toEqual([]);
    expect((await ignoredOf(list)).names).toEqual(['mtime']);
    expect((await ignoredOf(list, { ack: 'put', durable: true })).names).toEqual(['mtime', 'durable']);
  });

  test('a test ignores fields of hello in the reply to hello alone', async () => {
    expect((await ignoredOf({ ack: 'hello', version: '1', name: '' })).names).toEqual([
      'hello:version',
      'hello:name',
    ]);
    expect((await ignoredOf({ ack: 'list', version: '1', name: '' })).names).toEqual([]);
  });

  test('a test says that it compares neither progress nor errors about hidden bytes', async () => {
    expect((await ignoredOf({ ack: 'progress', received: 7 })).remarks).toEqual([
      'Replies `progress` are not compared: how many come depends on the disk.',
    ]);
    const error = { code: 'bad-header', message: '***', hex: '*****', ascii: '**' };
    expect(await ignoredOf({ error })).toEqual({
      names: ['hex', 'ascii'],
      remarks: ['Errors about bytes that the recording hides are not compared.'],
    });
    expect((await ignoredOf({ error: { ...error, hex: '7b 7d' } })).remarks).toEqual([]);
  });

  test('what comes behind missing bytes is not looked at', async () => {
    expect((await ignoredOf({ ack: 'put', durable: true }, 5, { ack: 'stat', mtime: 1 })).names).toEqual([
      'durable',
    ]);
  });
});
