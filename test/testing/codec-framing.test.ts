/** A codec as a framing finds the messages that its decoder finds, in any chunks. */
import { fc, test as property } from '@fast-check/vitest';
import { describe, expect, test } from 'vitest';
import { rechunk } from '../../src/capture/replay/rechunk.ts';
import { type AnyCodec, codecFraming } from '../../src/testing/codec-framing.ts';
import { delimited } from '../../src/wire/codecs/delimited.ts';
import { lines } from '../../src/wire/codecs/lines.ts';
import { jsonMessages } from '../../src/wire/codecs/messages.ts';
import { finish, initialDeframeState, step } from '../../src/wire/deframe/deframe-step.ts';
import { lengthField } from '../../src/wire/length-field.ts';
import { cases } from '../support/random/cases.ts';

/** The headers, bodies and faults that a deframer finds with the framing of a codec. */
function framesIn(codec: AnyCodec, chunks: Iterable<Uint8Array>): unknown[] {
  const framing = codecFraming(codec);
  let state = initialDeframeState<unknown>();
  const found: unknown[] = [];
  const take = (events: readonly { readonly type: string }[]) => {
    for (const event of events as readonly Record<string, unknown>[]) {
      if (event.type === 'start') found.push(event.header, '');
      if (event.type === 'data')
        found.push(found.pop() + Buffer.from(event.bytes as Uint8Array).toString('hex'));
      if (event.type === 'fault') found.push((event.fault as { code: string }).code);
    }
  };
  for (const chunk of chunks) {
    const stepped = step(framing, state, chunk);
    state = stepped.state;
    take(stepped.events);
  }
  take(finish(framing, state).events);
  return found.filter((it) => it !== '');
}

const message = (it: string) => ({ message: it });
const text = (it: string) => Buffer.from(it);

describe('a codec as a framing', () => {
  property.prop([fc.array(fc.string({ maxLength: 40 }), { maxLength: 12 }), fc.nat()], {
    numRuns: cases(200),
  })('a framing of a codec finds all of its messages in any chunks', (said, seed) => {
    const codec = jsonMessages(lengthField({ width: 2, maxLength: 1000 }));
    const bytes = Buffer.concat(said.flatMap((it) => codec.encode(it)));
    const found = framesIn(codec, rechunk([bytes], { seed, max: 30 }));
    expect(found).toEqual(said.map(message));
  });

  test.each(['whole', 'bytes'] as const)(
    'messages of lines and of delimiters are headers, %s',
    (chunking) => {
      const codec = lines({ maxLength: 10 });
      expect(framesIn(codec, rechunk([text('one\n\ntwo\r\n')], chunking))).toEqual(
        ['one', '', 'two'].map(message),
      );
      const zero = delimited(Uint8Array.of(0), { maxLength: 10 });
      expect(framesIn(zero, rechunk([text('ab\0c\0')], chunking))).toEqual([
        { message: new Uint8Array(text('ab')) },
        { message: new Uint8Array(text('c')) },
      ]);
    },
  );

  test.each(['whole', 'bytes'] as const)(
    'a message that is an object is the header itself, %s',
    (chunking) => {
      const codec = jsonMessages(lengthField({ width: 1, maxLength: 100 }));
      const bytes = Buffer.concat([...codec.encode({ a: 1 }), ...codec.encode([2]), ...codec.encode(null)]);
      expect(framesIn(codec, rechunk([bytes], chunking))).toEqual([
        { a: 1 },
        { message: [2] },
        { message: null },
      ]);
    },
  );

  test.each(['whole', 'bytes'] as const)('a body that comes in pieces is a body, %s', (chunking) => {
    const codec = lengthField({ width: 1, maxLength: 100, delivery: () => 'stream' });
    const bytes = Buffer.concat([
      ...codec.encode(text('ab')),
      ...codec.encode(text('')),
      ...codec.encode(text('c')),
    ]);
    const header = (value: number) => ({ value, lead: new Uint8Array(0) });
    expect(framesIn(codec, rechunk([bytes], chunking))).toEqual([
      header(2),
      '6162',
      header(0),
      header(1),
      '63',
    ]);
  });

  test.each(['whole', 'bytes'] as const)(
    'a message that is wrong is a header, and one that is too long is the last, %s',
    (chunking) => {
      const codec = jsonMessages(lengthField({ width: 1, maxLength: 20 }));
      const wrong = Buffer.concat([...codec.encode('a'), Uint8Array.of(2), text('{]'), ...codec.encode('b')]);
      expect(framesIn(codec, rechunk([wrong], chunking))).toEqual([
        message('a'),
        { fault: 'message-invalid' },
        message('b'),
      ]);
      const long = Buffer.concat([...codec.encode('a'), Uint8Array.of(200), Buffer.alloc(200)]);
      expect(framesIn(codec, rechunk([long], chunking))).toEqual([message('a'), 'length-too-large']);
      const skipped = lengthField({ width: 1, maxLength: 100, maxWhole: 5 });
      const large = Buffer.concat([...skipped.encode(Buffer.alloc(50)), ...skipped.encode(text('a'))]);
      expect(framesIn(skipped, rechunk([large], chunking))).toEqual(['body-too-large']);
    },
  );

  test('a message that is not whole at the end is truncated', () => {
    expect(framesIn(lines({ maxLength: 10 }), [text('a\nb')])).toEqual([message('a'), 'truncated']);
  });
});
