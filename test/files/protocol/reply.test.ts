/** The frames of replies: how long their bodies are, whatever a server says. */
import { describe, expect, test } from 'vitest';
import { replyFraming } from '../../../src/files/protocol/reply.ts';
import { initialDeframeState, step } from '../../../src/wire/deframe/deframe-step.ts';
import type { JsonHeader } from '../../../src/wire/json-header.ts';
import { encodeJsonHeader } from '../../../src/wire/json-header.ts';

function eventsOf(header: JsonHeader) {
  const encoded = encodeJsonHeader(header);
  if (!encoded.ok) throw new Error(encoded.fault.message);
  return step(replyFraming(), initialDeframeState<JsonHeader>(), encoded.bytes).events;
}

describe('the body of a reply', () => {
  test.each([
    [{ ack: 'ping' }, 0],
    [{ ack: 'get', body: 0 }, 0],
    [{ ack: 'get', body: 7 }, 7],
  ])('the body of a reply of %j has %d bytes', (header, length) => {
    expect(eventsOf(header)[0]).toMatchObject({ type: 'start', length });
  });

  test.each([['5'], [{}], [[]], [true], [-1], [1.5], [2 ** 60]])(
    'the body of a reply of %j bytes is a fault',
    (body) => {
      expect(eventsOf({ ack: 'get', body })).toMatchObject([
        { type: 'fault', fault: { code: 'body-length-invalid', fatal: true } },
      ]);
    },
  );
});
