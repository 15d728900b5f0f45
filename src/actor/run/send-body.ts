/** Sends a message whose body comes from elsewhere, a piece at a time. */
import { check, type Rule } from '../../wire/argument.ts';
import { bytesOf } from '../../wire/bytes.ts';
import type { Control } from '../actor.ts';
import { signalOf } from './context.ts';
import type { AnyCodec, Run } from './run.ts';

/** The most bytes of a body in one write. */
const PIECE_BYTES_MAX: number = 256 * 1024;

type SendBody = Extract<Control<unknown>, { type: 'sendBody' }>;

/**
 * The bytes of a message.
 *
 * @throws what the codec throws; and a TypeError when it makes anything else than a list of bytes.
 */
export function encoded(codec: AnyCodec, message: unknown, bodyLength: number): readonly Uint8Array[] {
  const chunks = codec.encode(message, bodyLength);
  check('encode: the bytes of a message', chunks, CHUNKS);
  return chunks;
}

const CHUNKS: Rule = {
  words: 'an array of Uint8Arrays',
  isKind: (value) => Array.isArray(value) && value.every((chunk) => chunk instanceof Uint8Array),
};

/**
 * Sends the bytes of the message, then its body. Each piece is asked for when the one before it is with the operating system, so a
 * peer that does not read costs the memory of one piece. Messages that are sent meanwhile wait behind the body.
 */
export function sendBody(run: Run, head: readonly Uint8Array[], { length, body }: SendBody): void {
  for (const chunk of head) run.writer.reply(chunk, true);
  run.isSendingBody = true;
  sendPieces(run, body, length)
    .catch((thrown: unknown) => {
      // The message has promised so many bytes. Without them the peer cannot find the next message.
      run.observer.next({ type: 'internal-error', thrown });
      run.connection.destroy();
    })
    .finally(() => {
      run.isSendingBody = false;
      while (!run.isSendingBody && run.behindBody.length > 0) run.behindBody.shift()!();
      run.member.wake();
    });
}

async function sendPieces(run: Run, body: () => AsyncIterable<Uint8Array>, length: number): Promise<void> {
  let left = length;
  const { unlessClosed, stop } = closing(run);
  const pieces = body()[Symbol.asyncIterator]();
  let isDone = false;
  try {
    for (;;) {
      // The next piece may never come. Once the connection is closed nobody waits for it.
      const next = await unlessClosed(pieces.next());
      if (next === null) return;
      if (next.done === true) break;
      const bytes = bytesOf(next.value, 'sendBody: a piece of the body');
      if (bytes.length > left) throw new RangeError(`the body of ${length} bytes goes on behind them`);
      left -= bytes.length;
      for (let at = 0; at < bytes.length; at += PIECE_BYTES_MAX)
        if (!(await write(run, bytes.subarray(at, at + PIECE_BYTES_MAX)))) return;
    }
    isDone = true;
  } finally {
    stop();
    // Not awaited: a generator that waits for its next piece ends only behind that.
    if (!isDone) void endOf(pieces);
  }
  if (left > 0) throw new RangeError(`the body of ${length} bytes ended ${left} bytes before its end`);
}

/**
 * Waits for what a body gives, or for the end of the connection, when it gives null. Not by `Promise.race` with one
 * promise for the whole body: that would keep every piece until the body is over.
 */
function closing(run: Run) {
  const signal = signalOf(run);
  let onClosed = (): void => {};
  const over = (): void => onClosed();
  signal.addEventListener('abort', over, { once: true });
  return {
    unlessClosed: <T>(given: Promise<T>): Promise<T | null> =>
      new Promise((resolve, reject) => {
        onClosed = () => resolve(null);
        if (signal.aborted) onClosed();
        given.then(resolve, reject);
      }),
    stop: () => signal.removeEventListener('abort', over),
  };
}

/** Has a body let go of what it holds: a file, say. What it throws then is of no use any more. */
async function endOf(pieces: AsyncIterator<unknown>): Promise<void> {
  try {
    await pieces.return?.();
  } catch {}
}

/** Resolves with whether the connection can take more, when the operating system has the bytes or never will. */
function write(run: Run, bytes: Uint8Array): Promise<boolean> {
  run.window.charge(bytes.length);
  return new Promise((resolve) => {
    run.writer.body(bytes, (fault) => {
      run.window.credit(bytes.length);
      resolve(fault === undefined);
    });
    run.writer.flush();
  });
}
