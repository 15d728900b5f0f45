/**
 * Conversations written down byte by byte, as the protocol's document has them, and played against a real server.
 *
 * A line is `C` or `S` (who sends), up to 16 bytes in hexadecimal, and the same in ASCII between bars; or `end`, or `break`. A line
 * that begins with # is a comment.
 */
import { Subject } from 'rxjs';
import { type ServeOptions, serve } from '../../src/server/serve.ts';
import { memoryStore } from '../../src/store/memory/memory-store.ts';
import type { ListenEvent } from '../../src/transport/listen-event.ts';
import { memoryPair } from '../../src/transport/memory/memory-pair.ts';

/** What one side does without the other doing anything in between. */
export interface Turn {
  readonly side: 'C' | 'S';
  readonly bytes: Buffer;
  /** What it does behind the bytes; null when it goes on. */
  readonly after: 'end' | 'break' | null;
}

const dumped = /^([CS]) {2}([0-9a-f ]{47}) {2}\|(.{1,16})\|$/;
const event = /^([CS]) {2}(end|break)$/;

const ascii = (bytes: Uint8Array): string =>
  Array.from(bytes, (byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '.')).join('');

/** The lines that bytes are written down as. */
export function dump(side: string, bytes: Uint8Array): string[] {
  const lines: string[] = [];
  for (let at = 0; at < bytes.length; at += 16) {
    const part = Buffer.from(bytes.subarray(at, at + 16));
    const hex = part.toString('hex').replace(/..\B/g, '$& ');
    lines.push(`${side}  ${hex.padEnd(47)}  |${ascii(part)}|`);
  }
  return lines;
}

/** @throws Error at a line that is no such thing, or whose two columns say different things. */
export function turnsOf(example: string): Turn[] {
  const turns: Turn[] = [];
  const add = (side: string, bytes: Buffer, after: Turn['after']) => {
    const last = turns.at(-1);
    if (last?.side !== side || last.after !== null) turns.push({ side: side as 'C' | 'S', bytes, after });
    else turns[turns.length - 1] = { ...last, bytes: Buffer.concat([last.bytes, bytes]), after };
  };
  for (const line of example.trimEnd().split('\n')) {
    if (line.startsWith('#')) continue;
    const [, side, hex, text] = dumped.exec(line) ?? [];
    const [, who, what] = event.exec(line) ?? [];
    if (side !== undefined && hex !== undefined) {
      const bytes = Buffer.from(hex.replaceAll(' ', ''), 'hex');
      if (ascii(bytes) !== text) throw new Error(`the columns differ: ${line}`);
      add(side, bytes, null);
    } else if (who !== undefined) add(who, Buffer.alloc(0), what as 'end' | 'break');
    else throw new Error(`not a line of an example: ${line}`);
  }
  return turns;
}

/** Each turn in a line or more, as an example has it. */
export const written = (turns: readonly Turn[]): string[] =>
  turns.flatMap(({ side, bytes, after }) => [
    ...dump(side, bytes),
    ...(after === null ? [] : [`${side}  ${after}`]),
  ]);

/** Milliseconds after which a server that has sent less than it should is taken to send no more. */
const patience = 60_000;

/** Plays the client's part, and tells what was said by both: the server's part is what it did send. */
export async function play(turns: readonly Turn[], options: Partial<ServeOptions> = {}): Promise<Turn[]> {
  const connections$ = new Subject<ListenEvent>();
  const server = serve({ connections$, store: memoryStore(), ...options }).subscribe();
  const open = () => {
    const [here, there] = memoryPair();
    connections$.next({ type: 'connection', connection: there });
    let input = Buffer.alloc(0);
    let ended = false;
    let look = () => {};
    const over = () => {
      ended = true;
      look();
    };
    here.chunks$.subscribe({
      next: (chunk) => {
        input = Buffer.concat([input, chunk]);
        look();
      },
      complete: over,
      error: over,
    });
    const until = (reached: () => boolean) =>
      new Promise<void>((resolve) => {
        const late = setTimeout(() => done(), patience);
        const done = () => {
          clearTimeout(late);
          resolve();
        };
        look = () => reached() && done();
        look();
      });
    return {
      here,
      say: (bytes: Uint8Array) => new Promise<void>((resolve) => here.write([bytes], () => resolve())),
      /** So many bytes, or what there is when no more come; up to the end, all that come. */
      hear: async (length: number, toTheEnd: boolean): Promise<Turn> => {
        await until(() => ended || (!toTheEnd && input.length >= length));
        const bytes = toTheEnd ? input : input.subarray(0, length);
        input = input.subarray(bytes.length);
        return { side: 'S', bytes, after: ended && input.length === 0 ? 'end' : null };
      },
    };
  };
  const said: Turn[] = [];
  let connection = open();
  for (const turn of turns) {
    if (turn.side === 'S') said.push(await connection.hear(turn.bytes.length, turn.after === 'end'));
    else {
      if (turn.bytes.length > 0) await connection.say(turn.bytes);
      if (turn.after === 'end') connection.here.end();
      if (turn.after === 'break') {
        connection.here.destroy();
        connection = open();
      }
      said.push(turn);
    }
  }
  connection.here.destroy();
  server.unsubscribe();
  return said;
}
