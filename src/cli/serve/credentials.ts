/** The certificate and key of `sluice serve`, read from the files in its settings, and again at SIGHUP. */
import { readFile } from 'node:fs/promises';
import { BehaviorSubject, type Observable } from 'rxjs';
import { systemWords } from '../../files/protocol/system-words.ts';
import { explainBadCredentials, type TlsCredentials } from '../../transport/tls/credentials.ts';
import type { Configuration } from '../settings/configuration.ts';
import { type ExitError, exitError } from '../shared/exit-error.ts';
import { exitStatus } from '../shared/exit-status.ts';
import type { Reloadable } from './reload.ts';

export interface ServerCredentials extends Reloadable {
  /** Emits the credentials in use, and from then on each that replaces them. */
  readonly credentials$: Observable<TlsCredentials>;
}

/**
 * Null when the settings ask for no TLS.
 *
 * @throws an `ExitError` that names the field whose file cannot be read or used. `reload` rejects likewise, and then
 * changes nothing.
 */
export async function openCredentials(configuration: Configuration): Promise<ServerCredentials | null> {
  const { settings, called } = configuration;
  const { tlsCert, tlsKey, tlsClientCa } = settings;
  if (tlsCert === null || tlsKey === null) return null;

  async function read(): Promise<TlsCredentials> {
    const credentials = {
      cert: await contentOf(tlsCert!, called('tlsCert')),
      key: await contentOf(tlsKey!, called('tlsKey')),
      ...(tlsClientCa !== null && { clientCa: await contentOf(tlsClientCa, called('tlsClientCa')) }),
    };
    const why = explainBadCredentials(credentials);
    if (why !== null) throw unusable(`${called('tlsCert')} with ${called('tlsKey')}`, why);
    return credentials;
  }

  const credentials$ = new BehaviorSubject(await read());
  return {
    credentials$,
    called: called('tlsCert'),
    reload: async () => credentials$.next(await read()),
  };
}

async function contentOf(path: string, called: string): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (error) {
    throw unusable(called, `${path}: ${systemWords(error, 'read')}`);
  }
}

const unusable = (called: string, why: string): ExitError =>
  exitError(exitStatus.failed, `${called}: ${why}`);
