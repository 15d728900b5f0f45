/** The TLS options of a command, and the files they name. */
import { readFileSync } from 'node:fs';
import { type Command, Option } from 'commander';
import { systemWords } from '../../files/protocol/system-words.ts';
import { certificatesOf, explainBadCredentials } from '../../transport/tls/credentials.ts';
import { usageError } from './exit-error.ts';

export interface TlsFlags {
  readonly tls?: boolean;
  readonly tlsCa?: string;
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  readonly tlsName?: string;
}

/** Options of `connectTls`, without the address. */
export interface TlsSettings {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly servername?: string;
}

export const tlsOptions = (): readonly Option[] => [
  new Option('--tls', 'speak TLS; so do all --tls-… options'),
  fileOption('--tls-ca', 'the authorities to trust, PEM', 'SLUICE_TLS_CA'),
  fileOption('--tls-cert', 'our certificate, PEM', 'SLUICE_TLS_CERT'),
  fileOption('--tls-key', "our certificate's key, PEM", 'SLUICE_TLS_KEY'),
  new Option('--tls-name <NAME>', "the name in the server's certificate, if not HOST").env('SLUICE_TLS_NAME'),
];

export function addTlsOptions(command: Command): Command {
  for (const option of tlsOptions()) command.addOption(option);
  return command;
}

const fileOption = (flag: string, what: string, variable: string): Option =>
  new Option(`${flag} <FILE>`, what).env(variable);

/** Reads the files that the flags name; null without TLS. Throws an `ExitError` for a file that cannot be read. */
export function tlsSettings(flags: TlsFlags, environment = process.env): TlsSettings | null {
  const { tlsCa, tlsCert, tlsKey, tlsName } = flags;
  const named = [tlsCa, tlsCert, tlsKey, tlsName].some((value) => value !== undefined);
  if (!(flags.tls || named || switchedOn(environment.SLUICE_TLS))) return null;
  if ((tlsCert === undefined) !== (tlsKey === undefined)) {
    throw usageError('--tls-cert and --tls-key belong together: a certificate is of no use without its key');
  }
  return {
    ...(tlsCa !== undefined && { ca: authorities(tlsCa) }),
    ...(tlsCert !== undefined && tlsKey !== undefined && identity(tlsCert, tlsKey)),
    ...(tlsName !== undefined && { servername: tlsName }),
  };
}

function authorities(file: string): string {
  const ca = contentOf('--tls-ca', file);
  if (certificatesOf(ca) === null)
    throw usageError(`--tls-ca ${file} holds no certificate in PEM, or a broken one`);
  return ca;
}

function identity(certFile: string, keyFile: string): { readonly cert: string; readonly key: string } {
  const [cert, key] = [contentOf('--tls-cert', certFile), contentOf('--tls-key', keyFile)];
  const why = explainBadCredentials({ cert, key });
  if (why !== null)
    throw usageError(`--tls-cert ${certFile} and --tls-key ${keyFile} cannot be used: ${why}`);
  return { cert, key };
}

function switchedOn(value = ''): boolean {
  if (value === '1' || value === 'true') return true;
  if (value === '0' || value === 'false' || value === '') return false;
  throw usageError('SLUICE_TLS must be 1 or 0');
}

function contentOf(flag: string, file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw usageError(`${flag} ${file} cannot be read: ${systemWords(error, 'read')}`);
  }
}
