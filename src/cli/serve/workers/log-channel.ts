/** The log of a worker: its lines go to the process that started it, which has the one log. */
import type { Calls } from '../../../base/calls.ts';
import { type LogSink, linesIn } from '../log-sink.ts';

/** With so many characters gathered, they are sent without waiting for `flush`. */
const GATHERED_MAX = 16 * 1024;
/** Milliseconds that an ending worker waits for its last lines to be taken. */
const CLOSE_MAX_MS = 2000;

/**
 * A sink that sends lines, one message at a time: the next one waits until the log has taken that before. Lines beyond
 * the bound are lost and counted, as in any other sink.
 *
 * @param heldMax characters that may wait.
 */
export function createLogChannel({ call, tell }: Pick<Calls, 'call' | 'tell'>, heldMax: number): LogSink {
  let gathered = '';
  let sending = 0;
  let isWanted = false;
  let lost = 0;
  let onIdle = () => {};

  function pump(): void {
    if (sending > 0) return;
    if (gathered === '') {
      isWanted = false;
      return onIdle();
    }
    const text = gathered;
    gathered = '';
    sending = text.length;
    const next = () => {
      sending = 0;
      if (isWanted || gathered.length >= GATHERED_MAX) pump();
    };
    call('log', text).then(next, next);
  }
  function flush(): void {
    isWanted = true;
    pump();
  }

  return {
    write: (line) => {
      if (gathered.length + sending + line.length > heldMax) {
        lost += linesIn(line);
        return;
      }
      gathered += line;
      if (gathered.length >= GATHERED_MAX) pump();
    },
    flush,
    lost: () => {
      const before = lost;
      lost = 0;
      return { held: before, refused: 0 };
    },
    close: () =>
      new Promise((resolve) => {
        const late = setTimeout(resolve, CLOSE_MAX_MS);
        onIdle = () => {
          clearTimeout(late);
          resolve();
        };
        flush();
      }),
    closeSync: () => {
      if (gathered !== '') tell('log', gathered);
      gathered = '';
    },
  };
}
