import { describe, expect, test } from 'vitest';
import { createConnectionLimit, hostOf } from '../../src/server/connection-limit.ts';
import { memoryPair } from '../../src/transport/memory/memory-pair.ts';
import { peer } from '../support/network/peer.ts';

const from = (remote: string) => {
  const [theirs, ours] = memoryPair();
  return { client: peer(theirs), connection: { ...ours, remote } };
};

describe('the door', () => {
  test('the connection limit admits a number in all, refuses the others with an error, and admits again when one has left', async () => {
    const door = createConnectionLimit({ connections: 2, connectionsPerAddress: 10 });
    const [a, b, c] = ['1.1.1.1:1', '1.1.1.2:1', '1.1.1.3:1'].map(from) as [
      ReturnType<typeof from>,
      ReturnType<typeof from>,
      ReturnType<typeof from>,
    ];
    expect(door.admit(a.connection)).toBeNull();
    expect(door.admit(b.connection)).toBeNull();
    expect(door.admit(c.connection)).toBe('too-many-connections');
    expect(await c.client.all()).toMatchObject([
      { error: { code: 'too-many-connections', message: expect.stringContaining('2 are open') } },
    ]);
    door.release(a.connection);
    expect(door.count()).toBe(1);
    expect(door.admit(from('1.1.1.4:1').connection)).toBeNull();
  });

  test('the connection limit counts by address, whatever the port', () => {
    const door = createConnectionLimit({ connections: 10, connectionsPerAddress: 1 });
    const first = from('1.1.1.1:1').connection;
    expect(door.admit(first)).toBeNull();
    expect(door.admit(from('1.1.1.1:2').connection)).toBe('too-many-connections');
    expect(door.admit(from('1.1.1.2:2').connection)).toBeNull();
    door.release(first);
    expect(door.admit(from('1.1.1.1:3').connection)).toBeNull();
  });

  test('the connection limit per address ignores connections without an address', () => {
    const door = createConnectionLimit({ connections: 10, connectionsPerAddress: 1 });
    expect(door.admit(from('unix:/run/s.sock#1').connection)).toBeNull();
    expect(door.admit(from('unix:/run/s.sock#2').connection)).toBeNull();
  });

  test('the connection limit destroys connections without an error when very many are being refused', async () => {
    const door = createConnectionLimit({ connections: 0, connectionsPerAddress: 1 });
    const many = Array.from({ length: 70 }, () => from('1.1.1.1:1'));
    for (const { connection } of many) door.admit(connection);
    expect(await many[69]!.client.over).toMatchObject({ code: 'reset' });
    expect(await many[0]!.client.all()).toHaveLength(1);
  });
});

test.each([
  ['127.0.0.1:80', '127.0.0.1'],
  ['[::1]:80', '::1'],
  ['[2001:db8:1:2::7]:80', '2001:db8:1:2::/64'],
  ['[2001:db8:1:2:3:4:5:6]:80', '2001:db8:1:2::/64'],
  ['[2001:db8::7]:80', '2001:db8::/64'],
  ['unix:/run/s#1', null],
  ['memory:3', null],
])('the host of %s is %s', (address, host) => {
  expect(hostOf(address)).toBe(host);
});
