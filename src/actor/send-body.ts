/** Sends a message whose body comes from elsewhere, a piece at a time. */
import { check, type Rule } from '../wire/argument.ts';
import type { Control } from './actor.ts';
import { fail } from './queues.ts';
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
 * Sends the message, then its body. Each piece is asked for when the one before it is with the operating system, so a
 * peer that does not read costs the memory of one piece. Messages that are sent meanwhile wait behind the body.
 */
export function sendBody(run: Run, { message, length, body }: SendBody): void {
  try {
    for (const chunk of encoded(run.decoding.codec, message, length)) run.writer.reply(chunk, true);
  } catch (thrown) {
    return fail(run, thrown);
  }
  run.isSendingBody = true;
  sendPieces(run, body, length)
    .catch((thrown: unknown) => {
      // The message has promised so many bytes. Without them the peer cannot find the next message.
      run.report({ type: 'internal-error', thrown });
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
  for await (const bytes of body()) {
    if (bytes.length > left) throw new RangeError(`the body of ${length} bytes goes on behind them`);
    left -= bytes.length;
    for (let at = 0; at < bytes.length; at += PIECE_BYTES_MAX)
      if (!(await write(run, bytes.subarray(at, at + PIECE_BYTES_MAX)))) return;
  }
  if (left > 0) throw new RangeError(`the body of ${length} bytes ended ${left} bytes before its end`);
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
