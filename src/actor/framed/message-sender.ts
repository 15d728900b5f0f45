/** Sends messages, and requests, whose replies it waits for. */
import { StateError } from '../../base/sluice-error.ts';
import { ConnectionError } from '../../transport/connection-error.ts';
import { check, MILLISECONDS } from '../../wire/argument.ts';
import { endError, type MessageReader, pump } from './message-reader.ts';

export async function send<In, Out>(reader: MessageReader<In, Out>, message: Out): Promise<void> {
  // A server answers after it has detached: what comes then is the new transport's.
  if (reader.phase === 'replaced') mustBeLive(reader);
  const { codec, source } = reader;
  const chunks = codec.encode(message);
  return new Promise((resolve, reject) => {
    source.connection.write(chunks, (fault) =>
      fault === undefined ? resolve() : reject(new ConnectionError(fault)),
    );
  });
}

export async function request<In, Out>(
  reader: MessageReader<In, Out>,
  message: Out,
  timeoutMs: number,
): Promise<In> {
  check('request: timeoutMs', timeoutMs, MILLISECONDS);
  mustBeLive(reader);
  if (reader.ending !== null) throw endError(reader.ending);
  const key = reader.keyOf?.(message);
  if (reader.keyOf !== undefined && key === undefined) throw new TypeError('request: the message has no key');
  const chunks = reader.codec.encode(message);
  const reply = reader.replies.expect(key, timeoutMs);
  try {
    reader.source.connection.write(chunks, (fault) => {
      if (fault !== undefined) reply.fail(new ConnectionError(fault));
    });
  } catch (thrown) {
    // Nothing was asked, so that no reply comes.
    reply.withdraw(thrown);
    return reply.promise;
  }
  pump(reader);
  return reply.promise;
}

const WHY_OVER = {
  replaced: 'another codec is in use: what `use` has returned takes the place of this object',
  detached: 'its connection is detached',
};

/** @throws StateError when another codec has taken the place of the reader's, or the connection is no longer read. */
export function mustBeLive<In, Out>({ phase }: MessageReader<In, Out>): void {
  if (phase !== 'live') throw new StateError(phase, `framed: ${WHY_OVER[phase]}`);
}
