/** The sink of `sluice serve` for NATS. Its package is loaded only then. */
import { readFile } from 'node:fs/promises';
import { systemWords } from '../../files/protocol/system-words.ts';
import type { NatsCredentials } from '../../server/sinks/nats-sink.ts';
import type { EventSink } from '../../server/sinks/sink.ts';
import type { Settings } from '../settings/table.ts';
import { exitError } from '../shared/exit-error.ts';
import { exitStatus } from '../shared/exit-status.ts';

/** Throws an `ExitError` when its package or its credentials are missing. */
export async function openNats(settings: Settings): Promise<EventSink> {
  const { eventsNats, eventsNatsSubject: subject, eventsTimeout: timeoutMs } = settings;
  const credentials = await credentialsOf(settings);
  const { natsSink } = await load();
  const servers = eventsNats?.split(',') ?? [];
  return natsSink({ name: 'nats', servers, subject, timeoutMs, ...(credentials && { credentials }) });
}

async function load(): Promise<typeof import('../../server/sinks/nats-sink.ts')> {
  try {
    return await import('../../server/sinks/nats-sink.ts');
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw thrown;
    const why =
      'events for NATS need one package more: npm install @nats-io/transport-node (3.3, where Node.js is older than 22)';
    throw exitError(exitStatus.failed, why);
  }
}

async function credentialsOf({
  eventsNatsCredentials: file,
}: Settings): Promise<NatsCredentials | undefined> {
  if (file !== null) {
    const text = await readFile(file, 'utf8').catch((error: unknown) => {
      throw exitError(exitStatus.failed, `${file}: ${systemWords(error, 'read')}`);
    });
    // What the client would say of it only once it connects.
    if (/BEGIN NATS USER JWT/.test(text) && /BEGIN USER NKEY SEED/.test(text)) return { type: 'file', text };
    throw exitError(
      exitStatus.failed,
      `${file}: it must have the JWT and the seed of a user, as nsc makes it`,
    );
  }
  const { NATS_TOKEN, NATS_USER, NATS_PASSWORD } = process.env;
  if (NATS_TOKEN) return { type: 'token', token: NATS_TOKEN };
  return NATS_USER ? { type: 'user', user: NATS_USER, password: NATS_PASSWORD ?? '' } : undefined;
}
