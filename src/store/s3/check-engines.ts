/** Asks both engines for a sign of life, for whoever wants to know it soon. */
import type { ServiceFault } from '../../files/protocol/errors.ts';
import { ok } from '../outcome.ts';
import type { Bucket } from './bucket/bucket.ts';
import { answerOf, EngineFault } from './engine-fault.ts';
import type { Database } from './postgres/database.ts';

/** Null when both give it, else the error of the first that does not. */
export async function checkEngines(database: Database, bucket: Bucket): Promise<ServiceFault | null> {
  const answer = await answerOf(async () => {
    await Promise.all([
      inTime(() => new EngineFault('postgresql', SILENT), database.ping()),
      inTime(() => new EngineFault('s3', SILENT), bucket.ping()),
    ]);
    return ok(null);
  });
  return answer.ok ? null : answer.error;
}

/** Milliseconds for a sign of life: whoever asks wants to know it soon. */
const ALIVE_MS = 1_500;
const SILENT = `has given no sign of life for ${ALIVE_MS / 1000} s`;

/** Rejects with what `late` makes, when it takes too long. */
async function inTime(late: () => EngineFault, sign: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const silence = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(late()), ALIVE_MS);
  });
  try {
    await Promise.race([sign, silence]);
  } finally {
    clearTimeout(timer);
    sign.catch(() => {});
  }
}
