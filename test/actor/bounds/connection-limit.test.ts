import { describe, expect, test } from 'vitest';
import { createConnectionLimit } from '../../../src/actor/bounds/connection-limit.ts';
import { refusalReply } from '../../../src/server/server-state.ts';
import { memoryPair } from '../../../src/transport/memory/memory-pair.ts';
import { peer } from '../../support/network/peer.ts';

const from = (remote: string) => {
  const [theirs, ours] = memoryPair();
  return { client: peer(theirs), connection: { ...ours, remote } };
};

describe('the connection limit', () => {
  test('the connection limit admits a number in all, refuses the others with an error, and admits again when one has left', async () => {
    const limit = createConnectionLimit({ connections: 2, connectionsPerAddress: 10 }, refusalReply);
    const [a, b, c] = ['1.1.1.1:1', '1.1.1.2:1', '1.1.1.3:1'].map(from) as [
      ReturnType<typeof from>,
      ReturnType<typeof from>,
      ReturnType<typeof from>,
    ];
    expect(limit.admit(a.connection)).toBeNull();
    expect(limit.admit(b.connection)).toBeNull();
    expect(limit.admit(c.connection)).toBe('too-many-connections');
    expect(await c.client.all()).toMatchObject([
      { error: { code: 'too-many-connections', message: expect.stringContaining('2 are open') } },
    ]);
    limit.release(a.connection);
    expect(limit.count()).toBe(1);
    expect(limit.admit(from('1.1.1.4:1').connection)).toBeNull();
  });

  test('the connection limit counts by address, whatever the port', () => {
    const limit = createConnectionLimit({ connections: 10, connectionsPerAddress: 1 }, refusalReply);
    const first = from('1.1.1.1:1').connection;
    expect(limit.admit(first)).toBeNull();
    expect(limit.admit(from('1.1.1.1:2').connection)).toBe('too-many-connections');
    expect(limit.admit(from('1.1.1.2:2').connection)).toBeNull();
    limit.release(first);
    expect(limit.admit(from('1.1.1.1:3').connection)).toBeNull();
  });

  test('the connection limit per address ignores connections without an address', () => {
    const limit = createConnectionLimit({ connections: 10, connectionsPerAddress: 1 }, refusalReply);
    expect(limit.admit(from('unix:/run/s.sock#1').connection)).toBeNull();
    expect(limit.admit(from('unix:/run/s.sock#2').connection)).toBeNull();
  });

  test('the connection limit destroys connections without an error when very many are being refused', async () => {
    const limit = createConnectionLimit({ connections: 0, connectionsPerAddress: 1 }, refusalReply);
    const many = Array.from({ length: 70 }, () => from('1.1.1.1:1'));
    for (const { connection } of many) limit.admit(connection);
    expect(await many[69]!.client.over).toMatchObject({ code: 'reset' });
    expect(await many[0]!.client.all()).toHaveLength(1);
  });
});
