/** Asks both engines for a sign of life, for whoever wants to know it soon. */
import type { ServiceFault } from '../../files/protocol/errors.ts';
import { ok } from '../outcome.ts';
import { withTimeout } from '../with-timeout.ts';
import type { Bucket } from './bucket/bucket.ts';
import { answerOf, type Engine, EngineFault } from './engine-fault.ts';
import type { Database } from './postgres/database.ts';

/** Milliseconds for a sign of life: whoever asks wants to know it soon. */
const ALIVE_MS = 1_500;
const SILENT = `has given no sign of life for ${ALIVE_MS / 1000} s`;

/** Null when both give it, else the error of the first that does not. */
export async function checkEngines(database: Database, bucket: Bucket): Promise<ServiceFault | null> {
  const answer = await answerOf(async () => {
    await Promise.all([inTime('postgresql', database.ping()), inTime('s3', bucket.ping())]);
    return ok(null);
  });
  return answer.ok ? null : answer.error;
}

async function inTime(engine: Engine, sign: Promise<void>): Promise<void> {
  const none = new EngineFault(engine, SILENT);
  const late = await withTimeout<EngineFault | null>(
    ALIVE_MS,
    sign.then(() => null),
    none,
  );
  if (late !== null) throw late;
}
