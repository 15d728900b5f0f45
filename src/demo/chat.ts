/**
 * A chat with rooms, in lines of text. The first line is the speaker's name, `/join ROOM` goes to another room, and every
 * other line is said to all in the room. Who does not read what is said is disconnected, and nobody else waits for it.
 */
import { match, P } from 'ts-pattern';
import { type Control, defineActor, type Reduction } from '../actor/actor.ts';
import type { Mailbox } from '../actor/mailbox.ts';
import { lines } from '../wire/codecs/lines.ts';

const ownLines = lines({ maxLength: 1000 });
/** What is said is longer than what was said: it has a name before it. Else a long line would end all who hear it. */
const codec = { ...ownLines, encode: lines({ maxLength: 4000 }).encode };

/** Nobody yet, or somebody in a room. */
type State = { readonly name: string; readonly room: string } | null;
type Effect = { readonly type: 'enter' | 'leave' | 'say'; readonly room: string; readonly text: string };

const somebody = { name: P.string };
const send = (message: string): Control<string> => ({ type: 'send', message });
const enter = (room: string, name: string): Effect => ({
  type: 'enter',
  room,
  text: `* ${name} is in ${room}`,
});
const leave = (room: string, name: string): Effect => ({ type: 'leave', room, text: `* ${name} has left` });

/** Makes a chat of its own: the rooms are shared by all connections that it serves. */
export function chat() {
  const rooms = new Map<string, Set<Mailbox<string>>>();

  return defineActor<{ state: State; effect: Effect; input: string }>()({
    codec,
    initial: () => null,
    reduce: (state, event) =>
      match([state, event])
        .returnType<Reduction<State, Effect, string>>()
        .with([P.any, { type: 'opened' }], () => ({ state, effects: [send('What is your name?')] }))
        .with([null, { type: 'message', message: P.select() }], (name) => ({
          state: { name, room: 'lobby' },
          effects: [enter('lobby', name)],
        }))
        .with([somebody, { type: 'message' }], ([{ name, room }, { message }]) => {
          if (!message.startsWith('/join '))
            return { state, effects: [{ type: 'say', room, text: `${name}: ${message}` }] };
          const next = message.slice('/join '.length);
          return { state: { name, room: next }, effects: [leave(room, name), enter(next, name)] };
        })
        .with([P.any, { type: 'input', input: P.select() }], (text) => ({ state, effects: [send(text)] }))
        .with([P.any, { type: 'shutdown' }], () => ({ state, effects: [{ type: 'end' }] }))
        .with([somebody, { type: 'closed' }], ([{ name, room }]) => ({ state, effects: [leave(room, name)] }))
        .otherwise(() => ({ state })),
    perform({ type, room, text }, { self }) {
      const members = rooms.get(room) ?? new Set();
      if (type === 'enter') rooms.set(room, members.add(self));
      if (type === 'leave' && members.delete(self) && members.size === 0) rooms.delete(room);
      for (const member of members) void member.post(text);
    },
  });
}
