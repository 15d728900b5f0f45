import { fc, test as property } from '@fast-check/vitest';
import { firstValueFrom, toArray } from 'rxjs';
import { describe, expect, test } from 'vitest';
import { alignChunks, countCut, countGlued } from '../../src/demo/sticky-align.ts';
import { formatSticky } from '../../src/demo/sticky-format.ts';
import { sticky } from '../../src/demo/sticky-packets.ts';

const bytes = (text: string) => new TextEncoder().encode(text);

describe('sticky', () => {
  test('sticky shows three rounds, and only the framed one gives the messages back for certain', async () => {
    const rounds = await firstValueFrom(sticky({ pause: 5 }).pipe(toArray()));
    expect(rounds.map(({ round }) => round)).toEqual(['together', 'apart', 'framed']);
    for (const { chunks, sent, round } of rounds) {
      expect(sent).toHaveLength(10);
      const joined = Buffer.concat(chunks.map((chunk) => chunk.bytes));
      expect(joined.length).toBe(39 + (round === 'framed' ? 40 : 0));
      expect(chunks.flatMap(({ pieces }) => pieces).filter(({ ends }) => ends)).toHaveLength(10);
    }
    // Both ends share this process, and so do the sends: the receiver cannot be handed one before the next is sent.
    expect(rounds[0]?.chunks).toHaveLength(1);
    expect(rounds[0]?.glued).toBe(10);
    expect(rounds[2]?.received).toEqual(rounds[2]?.sent);
  });

  test('sticky errors with the fault when a message is too long for its frame', async () => {
    const fault = await new Promise((resolve) => {
      sticky({ messages: ['x'.repeat(1_025)] }).subscribe({ error: resolve });
    });
    expect(fault).toMatchObject({ code: 'length-too-large' });
  });
});

describe('alignChunks', () => {
  test('alignChunks finds what was glued and what was cut', () => {
    const chunks = alignChunks(['one', 'two', 'three'].map(bytes), ['onet', 'wothr', 'e', 'e'].map(bytes));
    const pieces = chunks.map((chunk) => chunk.pieces.map((piece) => Buffer.from(piece.bytes).toString()));
    expect(pieces).toEqual([['one', 't'], ['wo', 'thr'], ['e'], ['e']]);
    expect([countGlued(chunks), countCut(chunks)]).toEqual([3, 2]);
  });

  property.prop([fc.array(fc.nat(6)), fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1 })])(
    'alignChunks accounts for every byte, and for each message one beginning and one end',
    (lengths, sizes) => {
      const sends = lengths.map((length, at) => new Uint8Array(length).fill(at));
      const all = Buffer.concat(sends);
      const chunks: Uint8Array[] = [];
      for (let at = 0, turn = 0; at < all.length; turn++) {
        const size = sizes[turn % sizes.length] ?? 1;
        chunks.push(all.subarray(at, at + size));
        at += size;
      }
      const pieces = alignChunks(sends, chunks).flatMap((chunk) => chunk.pieces);
      expect(Buffer.concat(pieces.map((piece) => piece.bytes)).equals(all)).toBe(true);
      for (const piece of pieces) expect(new Set(piece.bytes)).toEqual(new Set([piece.message]));
      const some = sends.filter((send) => send.length > 0).length;
      expect(pieces.filter((piece) => piece.begins)).toHaveLength(some);
      expect(pieces.filter((piece) => piece.ends)).toHaveLength(some);
    },
  );
});

describe('formatSticky', () => {
  const sent = ['one', 'two', 'x'];

  test('formatSticky shows the bytes of each chunk and brackets under the messages', () => {
    const chunks = alignChunks(sent.map(bytes), [bytes('onetw'), bytes('ox')]);
    expect(formatSticky({ round: 'together', sent, chunks, glued: 3, cut: 1 })).toBe(
      [
        '1. Sent one right after the other',
        '',
        '   3 sends, 2 chunks',
        '',
        '     5 bytes  onetw',
        '              └─┘└─',
        '     2 bytes  ox',
        '              ┘╵',
        '',
        '   3 messages came glued to others. 1 message came cut in pieces.',
        '   TCP carries bytes, not messages: nothing in them says where one ends.',
        '',
      ].join('\n'),
    );
  });

  test('formatSticky says what the framing gave back', () => {
    const chunks = alignChunks([bytes('\0\0\0\u0001a')], [bytes('\0\0\0\u0001a')]);
    const event = { round: 'framed', sent: ['a'], chunks, glued: 0, cut: 0 } as const;
    expect(formatSticky({ ...event, received: ['a'] })).toContain(
      '     5 bytes  ····a\n              └───┘\n',
    );
    expect(formatSticky({ ...event, received: ['a'] })).toContain('All 1 came back as they were sent.');
    expect(formatSticky({ ...event, received: ['b'] })).toContain('That is a bug.');
  });
});
