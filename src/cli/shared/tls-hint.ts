/** Which option helps when the two sides do not agree on TLS. */
import { map, type Observable } from 'rxjs';
import type { Connection, ConnectionFault } from '../../transport/connection.ts';
import { ConnectionError } from '../../transport/connection-error.ts';

/** By what the message of the fault says, the first that fits. */
const hints: readonly (readonly [RegExp, string])[] = [
  [/SELF_SIGNED|UNABLE_TO_/, '--tls-ca FILE names it'],
  [/its certificate is for /, '--tls-name NAME does'],
  [/does not speak TLS/, 'leave --tls and SLUICE_TLS away'],
  [/a certificate of us/, 'show one with --tls-cert and --tls-key'],
];

/** An error of a connection that was to speak TLS, with the option that helps where there is one. */
export function withTlsHint(error: ConnectionError): ConnectionError {
  const { fault, message, cause } = error;
  const hint = hints.find(([pattern]) => pattern.test(message))?.[1];
  return hint === undefined
    ? error
    : new ConnectionError({ ...fault, message: `${message}; ${hint}` }, { cause });
}

const SPEAKS_TLS: ConnectionFault = { code: 'untrusted', message: 'the server speaks TLS: add --tls' };

/** The answer of a TLS server to a client without TLS: an alert, which is one record of two bytes. */
const isAlert = ({ length, 0: type, 1: major }: Uint8Array): boolean =>
  length === 7 && type === 0x15 && major === 0x03;

/** A connection without TLS that notices when its peer speaks TLS; `chunks$` then errors with `untrusted`. */
export const noticingTls = (connection: Connection): Connection => ({
  ...connection,
  chunks$: connection.chunks$.pipe(beginsPlain),
});

const beginsPlain = (chunks$: Observable<Uint8Array>): Observable<Uint8Array> =>
  chunks$.pipe(
    map((chunk, at) => {
      if (at === 0 && isAlert(chunk)) throw new ConnectionError(SPEAKS_TLS);
      return chunk;
    }),
  );
