/** Conversations in records: all that is known of one is the same when it wakes. */
import { expect, test } from 'vitest';
import { createRecords } from '../../../../src/capture/reassembly/table/records.ts';
import { isAtRest, readRecord, writeRecord } from '../../../../src/capture/reassembly/table/sleep.ts';
import { TcpConversation } from '../../../../src/capture/reassembly/tcp-conversation.ts';
import { flowOf } from '../../../support/captures/segments.ts';

const flow = flowOf([10, 0, 0, 1], [10, 0, 0, 2], 1024, 80);

/** A conversation that is open, with a number of its own in each field of its directions. */
function known(delivered: boolean): TcpConversation {
  const tcp = new TcpConversation(3, flow, 5n);
  tcp.conversation = { index: 3, client: 'a', server: 'b', startedAt: 5n, opening: 'syn' };
  tcp.settled = true;
  tcp.latest = -6n;
  tcp.closeReason = 'evicted';
  let number = 10;
  for (const direction of [tcp.first, tcp.second]) {
    const fields = direction as unknown as Record<string, unknown>;
    for (const name of Object.keys(fields)) if (typeof fields[name] === 'number') fields[name] = number++;
    if (delivered) direction.latest = BigInt(number++);
  }
  return tcp;
}

test.each([true, false])(
  'each field of a conversation is as it was when it wakes (bytes delivered: %s)',
  (delivered) => {
    const records = createRecords();
    for (let others = 0; others < 1500; others++) records.allocate();
    const tcp = known(delivered);
    tcp.record = records.allocate();
    expect(isAtRest(tcp)).toBe(true);
    writeRecord(records, tcp);
    const woken = new TcpConversation(0, flow, 0n);
    readRecord(woken, records, tcp.record, tcp.conversation!);
    expect(woken).toEqual(tcp);
  },
);

test('a conversation does not sleep while it gathers, waits for a RST, or has a time that 64 bits do not hold', () => {
  const gathering = known(true);
  gathering.settled = false;
  const reset = known(true);
  reset.pendingAfterReset = { packets: 1, bytes: 1, firstPacket: 1 };
  const early = known(true);
  early.first.latest = -(2n ** 70n);
  const late = known(true);
  late.latest = 2n ** 63n;
  expect([gathering, reset, early, late].map(isAtRest)).toEqual([false, false, false, false]);
});
