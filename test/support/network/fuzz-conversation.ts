/** Conversations nobody would have: frames that are right, frames that are nearly right, noise, and rude endings. */

import { crc32 } from 'node:zlib';
import { fc } from '@fast-check/vitest';
import type { JsonHeader } from '../../../src/wire/json-header.ts';
import { rawFrame } from './peer.ts';

/**
 * - `end`: our side is ended in good order, and every reply read.
 * - `first`: reset as soon as anything is answered.
 * - `unread`: ended without a look at the replies, then dropped.
 * - `reset`: at once, whatever is still on its way.
 */
export type Ending = 'end' | 'first' | 'unread' | 'reset';

export interface FuzzConversation {
  readonly chunks: readonly Uint8Array[];
  readonly ending: Ending;
}

const names = ['a', 'b', 'd/x', 'd/y/z', 'd', 'a/b', 'x'.repeat(200), '名字'];
const wicked = ['', '..', '../x', '/x', 'a\0', '.sluice/tmp', 'C:\\x', 'a//b', '\ud800', 'x'.repeat(300)];
const uploads = ['u1', 'u2', 'u3'];

const name = fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom(...names) },
  { weight: 1, arbitrary: fc.constantFrom(...wicked) },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 20 }) },
);
const upload = fc.constantFrom(...uploads);
const id = fc.oneof(fc.integer(), fc.string({ maxLength: 8 }));
const odd = fc.oneof(
  fc.constantFrom<unknown>(
    null,
    true,
    0,
    -1,
    0.5,
    2 ** 31,
    2 ** 53,
    1e308,
    '',
    [],
    {},
    ...wicked,
    ...uploads,
  ),
  fc.jsonValue({ maxDepth: 2 }),
);
const size = fc.oneof(
  { weight: 6, arbitrary: fc.integer({ min: 0, max: 300 }) },
  { weight: 1, arbitrary: fc.integer({ min: 60_000, max: 200_000 }) },
);
const whole = fc.nat({ max: 400 });
const maybe = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined });
const rarely = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined, freq: 6 });
const common = { id: maybe(id) };

interface Said {
  readonly header: JsonHeader;
  readonly body: Uint8Array;
}

const bodyOf = (length: number, fill: number) => Buffer.alloc(length, fill);

const put: fc.Arbitrary<Said> = fc
  .record({
    ...common,
    filename: name,
    filesize: size,
    fill: fc.nat({ max: 255 }),
    offset: rarely(whole),
    upload: maybe(upload),
    crc: fc.constantFrom('none', 'none', 'right', 'wrong'),
    sha256: rarely(fc.stringMatching(/^[0-9a-f]{64}$/)),
    progress: rarely(fc.integer({ min: 1, max: 100_000 })),
    mtime: rarely(fc.integer()),
    ifAbsent: rarely(fc.boolean()),
  })
  .map(({ fill, crc, ...header }) => {
    const all = bodyOf(header.filesize, fill);
    const body = all.subarray(Math.min(header.offset ?? 0, all.length));
    const sum = crc === 'none' ? {} : { crc32: crc === 'right' ? crc32(all) : 12 };
    return { header: { cmd: 'put', ...header, ...sum }, body };
  });

const asked = (cmd: string, fields: Record<string, fc.Arbitrary<unknown>>): fc.Arbitrary<Said> =>
  fc
    .record({ ...common, ...fields })
    .map((header) => ({ header: { cmd, ...header }, body: new Uint8Array(0) }));

const request: fc.Arbitrary<Said> = fc.oneof(
  { weight: 6, arbitrary: put },
  { weight: 2, arbitrary: asked('get', { filename: name, offset: rarely(whole), length: rarely(whole) }) },
  asked('stat', { filename: name }),
  asked('list', { prefix: maybe(name), after: maybe(name), limit: rarely(whole) }),
  asked('delete', { filename: name }),
  asked('rename', { filename: name, to: name, ifAbsent: maybe(fc.boolean()) }),
  asked('ping', {}),
  asked('hello', { token: rarely(fc.string()) }),
  { weight: 2, arbitrary: asked('resume', { upload }) },
  asked('cancel', { upload }),
  asked('nonsense', {}),
);

const fields = [
  'cmd',
  'id',
  'filename',
  'filesize',
  'offset',
  'upload',
  'crc32',
  'sha256',
  'progress',
  'mtime',
];
const moreFields = [
  'ifAbsent',
  'length',
  'prefix',
  'after',
  'limit',
  'to',
  'token',
  '__proto__',
  'constructor',
];

/** A request with one field that is something else. */
const bent: fc.Arbitrary<Said> = fc
  .record({ said: request, field: fc.constantFrom(...fields, ...moreFields), value: odd })
  .map(({ said, field, value }) => ({
    header: Object.fromEntries([...Object.entries(said.header), [field, value]]),
    body: said.body,
  }));

/** A request whose body is not as long as it says. */
const lying: fc.Arbitrary<Said> = fc
  .record({ said: put, length: size })
  .map(({ said, length }) => ({ header: said.header, body: bodyOf(length, 1) }));

const encoded = ({ header, body }: Said): Uint8Array => rawFrame(JSON.stringify(header), body);

const noise: fc.Arbitrary<Uint8Array> = fc.oneof(
  fc.uint8Array({ maxLength: 100 }),
  fc.uint8Array({ maxLength: 100, max: 3 }),
  fc.uint8Array({ maxLength: 60 }).map((bytes) => rawFrame(bytes)),
  fc.json().map((json) => rawFrame(json)),
);

/** A frame with a byte or a few changed, left out or doubled. */
const broken: fc.Arbitrary<Uint8Array> = fc
  .record({
    said: request,
    at: fc.double({ min: 0, max: 1, noNaN: true }),
    put: fc.uint8Array({ maxLength: 4 }),
    drop: fc.nat({ max: 4 }),
  })
  .map(({ said, at, put, drop }) => {
    const bytes = encoded(said);
    // The first few hundred bytes are where it matters.
    const place = Math.floor(at * Math.min(bytes.length, 200));
    return Buffer.concat([bytes.subarray(0, place), put, bytes.subarray(place + drop)]);
  });

const part: fc.Arbitrary<Uint8Array> = fc.oneof(
  { weight: 12, arbitrary: request.map(encoded) },
  { weight: 3, arbitrary: bent.map(encoded) },
  { weight: 1, arbitrary: lying.map(encoded) },
  { weight: 1, arbitrary: broken },
  { weight: 1, arbitrary: noise },
);

/** For a report of a failure: bodies are mostly one byte repeated. */
const inWords = (chunk: Uint8Array): string =>
  JSON.stringify(Buffer.from(chunk).toString('latin1'))
    .replace(/((?:\\u00..)|[^\\])\1{9,}/g, (run, one: string) => `${one}*${run.length / one.length}`)
    .slice(0, 600);

/** Cut anywhere, with all that follows the end left out now and then. */
export const fuzzConversation: fc.Arbitrary<FuzzConversation> = fc
  .record({
    parts: fc.array(part, { minLength: 1, maxLength: 12 }),
    cuts: fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 6 }),
    keep: fc.oneof({ weight: 5, arbitrary: fc.constant(1) }, fc.double({ min: 0, max: 1, noNaN: true })),
    ending: fc.oneof(
      { weight: 4, arbitrary: fc.constant<Ending>('end') },
      fc.constantFrom<Ending>('first', 'unread', 'reset'),
    ),
  })
  .map(({ parts, cuts, keep, ending }): FuzzConversation => {
    const all = Buffer.concat(parts);
    const bytes = all.subarray(0, Math.ceil(all.length * keep));
    const places = [...cuts.map((cut) => Math.floor(cut * bytes.length)), bytes.length].sort((a, b) => a - b);
    const chunks = places.map((place, i) => bytes.subarray(places[i - 1] ?? 0, place));
    const sent = chunks.filter((chunk) => chunk.length > 0);
    const told = () => `${ending}: ${sent.map(inWords).join(' | ')}`;
    return Object.assign({ chunks: sent, ending }, { [fc.toStringMethod]: told });
  });
