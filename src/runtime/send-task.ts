/**
 * One file, being sent: read ahead by a piece while the last one is on its way.
 *
 * At most `ahead` pieces are in memory, whatever the size of the file and however slowly the peer reads.
 */
import type { Source } from '../store/contract.ts';
import type { ConnectionFault } from '../transport/connection.ts';
import { settle } from './settle.ts';

const pieceSize = 256 * 1024;
const ahead = 2;

export interface SendWorld {
  readonly write: (bytes: Uint8Array, settled: (fault?: ConnectionFault) => void) => void;
  readonly bug: (thrown: unknown) => void;
}

/**
 * Sends `length` bytes of the source from `offset`, then calls `done` with how many were sent: fewer when the
 * file could not be read, or the peer is gone. Does not close the source.
 */
export function sendTask(
  world: SendWorld,
  source: Source,
  offset: number,
  length: number,
  done: (sent: number) => void,
): void {
  const end = offset + length;
  let at = offset;
  let sent = 0;
  let inFlight = 0;
  let reading = false;
  let failed = false;

  const step = () => {
    if (reading) return;
    if (inFlight === 0 && (failed || at === end)) return done(sent);
    if (failed || at === end || inFlight === ahead) return;
    reading = true;
    settle(
      () => source.read(at, Math.min(pieceSize, end - at)),
      world.bug,
      (outcome) => {
        reading = false;
        // A file that has become shorter while it is read can no longer be sent as was promised.
        if (!outcome.ok || outcome.value.length === 0) failed = true;
        else pass(outcome.value);
        step();
      },
    );
  };

  const pass = (bytes: Uint8Array) => {
    at += bytes.length;
    inFlight++;
    world.write(bytes, (fault) => {
      inFlight--;
      if (fault) failed = true;
      else sent += bytes.length;
      step();
    });
  };

  step();
}
