/** Acks of a server that does not keep the protocol: nothing of them is taken for what it is not. */
import { lastValueFrom, mergeMap, type Observable } from 'rxjs';
import { describe, expect, test } from 'vitest';
import type { Client } from '../../src/client/client.ts';
import { bytesContent } from '../../src/client/content/content.ts';
import { crc32 } from '../../src/store/crc32.ts';
import type { JsonHeader } from '../../src/wire/json-header.ts';
import { played } from './served.ts';

const bytes = Uint8Array.of(1, 2, 3);

const put = {
  make: (client: Client): Observable<unknown> => client.put('a', bytesContent(bytes)),
  ack: { ack: 'put', id: 1, filename: 'a', size: 3, crc32: crc32(bytes), durable: true },
  body: undefined,
  optional: [] as string[],
};
const get = {
  make: (client: Client): Observable<unknown> => client.get('a').pipe(mergeMap(({ bytes$ }) => bytes$)),
  ack: { ack: 'get', id: 1, filename: 'a', size: 3, mtime: 5, offset: 0, body: 3, crc32: 7 },
  body: bytes,
  optional: ['crc32'],
};

describe.each([
  ['put', put],
  ['get', get],
] as const)('the ack of a %s', (cmd, { make, ack, body, optional }) => {
  /** What becomes of a request that is answered so. */
  async function answered(header: JsonHeader): Promise<unknown> {
    const { client, arrived, reply } = played();
    const ending = lastValueFrom(make(client)).then(
      () => 'done',
      ({ code }: { code: string }) => code,
    );
    await arrived(1);
    reply(header, header.body === 3 ? body : undefined);
    return ending;
  }
  const fields = Object.entries(ack).filter(([name]) => name !== 'id');
  const without = (name: string) =>
    Object.fromEntries(Object.entries(ack).filter(([other]) => other !== name));

  test(`the ack of a ${cmd} with all its fields ends it, with further ones too`, async () => {
    expect(await answered(ack)).toBe('done');
    expect(await answered({ ...ack, more: [1] })).toBe('done');
  });

  test.each(fields)(
    `an ack of a ${cmd} without its %s breaks the protocol, unless it may be left out`,
    async (name) => {
      expect(await answered(without(name))).toBe(optional.includes(name) ? 'done' : 'protocol');
    },
  );

  test.each(fields)(`an ack of a ${cmd} whose %s is of another type breaks the protocol`, async (name) => {
    for (const other of [null, [3], { size: 3 }, 'x', 3, true]) {
      const isSameType = typeof other === typeof ack[name as keyof typeof ack];
      if (!isSameType) expect(await answered({ ...ack, [name]: other })).toBe('protocol');
    }
  });
});
