import { describe, expect, test } from 'vitest';
import { createDoor, hostOf } from '../../src/server/door.ts';
import { memoryPair } from '../../src/transport/memory-pair.ts';
import { peer } from '../support/peer.ts';

const from = (remote: string) => {
  const [theirs, ours] = memoryPair();
  return { client: peer(theirs), connection: { ...ours, remote } };
};

describe('the door', () => {
  test('lets in so many in all, tells the others why, and lets in again when one has left', async () => {
    const door = createDoor({ connections: 2, connectionsPerAddress: 10 });
    const [a, b, c] = ['1.1.1.1:1', '1.1.1.2:1', '1.1.1.3:1'].map(from) as [
      ReturnType<typeof from>,
      ReturnType<typeof from>,
      ReturnType<typeof from>,
    ];
    expect(door.enter(a.connection)).toBeNull();
    expect(door.enter(b.connection)).toBeNull();
    expect(door.enter(c.connection)).toBe('too-many-connections');
    expect(await c.client.all()).toMatchObject([
      { error: { code: 'too-many-connections', message: expect.stringContaining('2 are open') } },
    ]);
    door.leave(a.connection);
    expect(door.inside()).toBe(1);
    expect(door.enter(from('1.1.1.4:1').connection)).toBeNull();
  });

  test('counts by address, whatever the port', () => {
    const door = createDoor({ connections: 10, connectionsPerAddress: 1 });
    const first = from('1.1.1.1:1').connection;
    expect(door.enter(first)).toBeNull();
    expect(door.enter(from('1.1.1.1:2').connection)).toBe('too-many-connections');
    expect(door.enter(from('1.1.1.2:2').connection)).toBeNull();
    door.leave(first);
    expect(door.enter(from('1.1.1.1:3').connection)).toBeNull();
  });

  test('counts nothing that has no address', () => {
    const door = createDoor({ connections: 10, connectionsPerAddress: 1 });
    expect(door.enter(from('unix:/run/s.sock#1').connection)).toBeNull();
    expect(door.enter(from('unix:/run/s.sock#2').connection)).toBeNull();
  });

  test('drops without a word when very many are being told', async () => {
    const door = createDoor({ connections: 0, connectionsPerAddress: 1 });
    const many = Array.from({ length: 70 }, () => from('1.1.1.1:1'));
    for (const { connection } of many) door.enter(connection);
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
