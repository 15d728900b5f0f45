/** The chat: its reducer as a list of events, and all of it over TCP beside a model. */
import { fc, test as property } from '@fast-check/vitest';
import { filter, firstValueFrom } from 'rxjs';
import { describe, expect, test } from 'vitest';
import { type Framed, framed } from '../../src/actor/framed/framed.ts';
import { chat } from '../../src/demo/chat.ts';
import { connectTcp } from '../../src/transport/socket/tcp.ts';
import { lines } from '../../src/wire/codecs/lines.ts';
import { served } from '../support/actors/served.ts';
import { servedOverTcp } from '../support/actors/served-over-tcp.ts';
import { cases } from '../support/random/cases.ts';

const message = (text: string) => ({ type: 'message', message: text, cost: 0, position: 0 }) as const;

describe('the reducer', () => {
  const { initial, reduce } = chat();
  const nobody = initial({ id: 'a', local: 'here', remote: 'there' });
  const ann = { name: 'ann', room: 'lobby' };

  test('whoever comes is asked for a name, and the first line is the name', () => {
    expect(reduce(nobody, { type: 'opened' })).toEqual({
      state: null,
      effects: [{ type: 'send', message: 'What is your name?' }],
    });
    expect(reduce(nobody, message('ann'))).toEqual({
      state: ann,
      effects: [{ type: 'enter', room: 'lobby', text: '* ann is in lobby' }],
    });
  });

  test('a line is said to the room, and what others say is sent to the peer', () => {
    expect(reduce(ann, message('hello')).effects).toEqual([
      { type: 'say', room: 'lobby', text: 'ann: hello' },
    ]);
    expect(reduce(ann, { type: 'input', input: 'bob: hi' }).effects).toEqual([
      { type: 'send', message: 'bob: hi' },
    ]);
  });

  test('another room is entered once the first one is left', () => {
    expect(reduce(ann, message('/join cellar'))).toEqual({
      state: { name: 'ann', room: 'cellar' },
      effects: [
        { type: 'leave', room: 'lobby', text: '* ann has left' },
        { type: 'enter', room: 'cellar', text: '* ann is in cellar' },
      ],
    });
    expect(reduce(ann, { type: 'closed', fault: null }).effects).toMatchObject([{ type: 'leave' }]);
    expect(reduce(nobody, { type: 'closed', fault: null }).effects).toBeUndefined();
  });
});

interface Guest {
  readonly framed: Framed<string, string>;
  readonly name: string;
  room: string;
}

type Act =
  | { readonly act: 'come'; readonly who: number }
  | { readonly act: 'leave'; readonly who: number }
  | { readonly act: 'say'; readonly who: number; readonly text: string }
  | { readonly act: 'join'; readonly who: number; readonly room: string };

const who = fc.nat(4);
const acts = fc.array(
  fc.oneof(
    { weight: 2, arbitrary: fc.record({ act: fc.constant('come' as const), who }) },
    {
      weight: 4,
      arbitrary: fc.record({
        act: fc.constant('say' as const),
        who,
        text: fc.constantFrom('hi', 'größe', ''),
      }),
    },
    {
      weight: 2,
      arbitrary: fc.record({
        act: fc.constant('join' as const),
        who,
        room: fc.constantFrom('lobby', 'a', 'b'),
      }),
    },
    { weight: 1, arbitrary: fc.record({ act: fc.constant('leave' as const), who }) },
  ),
  { maxLength: 30 },
);

property.prop([acts], { numRuns: cases(15) })(
  'over TCP everybody has exactly what was said in their room while they were in it',
  async (all) => {
    const { port, stop } = await servedOverTcp(chat());
    const guests = new Map<number, Guest>();
    const inRoom = (room: string) => [...guests.values()].filter((guest) => guest.room === room);
    const hear = async (room: string, text: string) => {
      for (const guest of inRoom(room)) expect(await guest.framed.next()).toBe(text);
    };
    const act = async (each: Act): Promise<void> => {
      const guest = guests.get(each.who);
      if (each.act === 'come') {
        if (guest !== undefined) return;
        const connection = await firstValueFrom(connectTcp({ host: '127.0.0.1', port }));
        const name = `guest ${each.who}`;
        const come: Guest = { framed: framed(connection, lines({ maxLength: 1000 })), name, room: 'lobby' };
        expect(await come.framed.next()).toBe('What is your name?');
        guests.set(each.who, come);
        await come.framed.send(name);
        return hear('lobby', `* ${name} is in lobby`);
      }
      if (guest === undefined) return;
      if (each.act === 'say') {
        await guest.framed.send(each.text);
        return hear(guest.room, `${guest.name}: ${each.text}`);
      }
      const left = guest.room;
      if (each.act === 'leave') {
        guests.delete(each.who);
        guest.framed.end();
        await hear(left, `* ${guest.name} has left`);
        return expect(await guest.framed.next()).toBeUndefined();
      }
      await guest.framed.send(`/join ${each.room}`);
      guest.room = '';
      await hear(left, `* ${guest.name} has left`);
      guest.room = each.room;
      return hear(each.room, `* ${guest.name} is in ${each.room}`);
    };
    for (const each of all) await act(each as Act);
    for (const guest of guests.values()) guest.framed.destroy();
    stop();
  },
);

test('the longest name and line are heard by all, and end nobody', async () => {
  const server = served(chat());
  const join = () => framed(server.open(), lines({ maxLength: 10_000 }));
  const [ann, bob] = [join(), join()];
  const name = 'n'.repeat(1000);
  for (const [who, as] of [
    [ann, name],
    [bob, 'bob'],
  ] as const) {
    expect(await who.next()).toBe('What is your name?');
    await who.send(as);
    // Whoever is not in the room yet does not hear what is said there.
    expect(await who.next()).toBe(`* ${as} is in lobby`);
  }
  const said = bob.messages$.pipe(filter((line) => line.includes(': ')));
  const heard = firstValueFrom(said);
  await ann.send('x'.repeat(1000));
  expect(await heard).toBe(`${name}: ${'x'.repeat(1000)}`);
  expect(server.types()).toEqual(['opened', 'opened']);
  server.stop();
});
