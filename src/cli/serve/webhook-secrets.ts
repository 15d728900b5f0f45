/** The files with the secrets that sign what is sent to webhooks. */
import { readFile } from 'node:fs/promises';
import { systemWords } from '../../files/protocol/system-words.ts';
import { readSecrets, type WebhookSecret } from '../../server/sinks/webhook-signature.ts';
import { exitError } from '../shared/exit-error.ts';
import { exitStatus } from '../shared/exit-status.ts';

/** Throws an `ExitError`. */
export async function secretsIn(file: string): Promise<readonly WebhookSecret[]> {
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    throw exitError(exitStatus.failed, `${file}: ${systemWords(error, 'read')}`);
  });
  const secrets = readSecrets(text);
  if (secrets !== undefined) return secrets;
  throw exitError(exitStatus.failed, `${file} must have whsec_ and 24 to 64 bytes in base64, one a line`);
}
