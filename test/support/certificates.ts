/** Certificates for tests, made with what node has: the few lines of DER that X.509 needs, signed by node:crypto. */
import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';

/** A certificate and its private key, as PEM. */
export interface Issued {
  readonly cert: string;
  readonly key: string;
}

export interface Authority extends Issued {
  readonly issue: (wanted: Wanted) => Issued;
}

export interface Wanted {
  /** In order: `[['O', 'Acme'], ['CN', 'alice']]`. */
  readonly subject: readonly (readonly ['O' | 'OU' | 'CN', string])[];
  /** DNS names and IPv4 addresses it is for. Default: none, as for a client. */
  readonly names?: readonly string[];
  /** Milliseconds since 1970. Default: an hour ago, and in an hour. */
  readonly from?: number;
  readonly until?: number;
}

/** Makes an authority, whose own certificate is self-signed. */
export function createAuthority(name: string): Authority {
  const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const issuer = distinguishedName([['CN', name]]);
  const isAuthority = extension([0x55, 0x1d, 0x13], sequence(der(0x01, Buffer.from([0xff]))));
  const cert = signed(pair.privateKey, issuer, issuer, pair.publicKey, [isAuthority], {});
  return {
    cert,
    key: pem(pair.privateKey),
    issue: (wanted) => {
      const leaf = generateKeyPairSync('ec', { namedCurve: 'P-256' });
      const extensions = wanted.names === undefined ? [] : [alternativeNames(wanted.names)];
      const subject = distinguishedName(wanted.subject);
      const made = signed(pair.privateKey, issuer, subject, leaf.publicKey, extensions, wanted);
      return { cert: made, key: pem(leaf.privateKey) };
    },
  };
}

const pem = (key: KeyObject): string => key.export({ type: 'pkcs8', format: 'pem' }).toString();
const hour = 3_600_000;
let serial = 0;

function signed(
  key: KeyObject,
  issuer: Buffer,
  subject: Buffer,
  publicKey: KeyObject,
  extensions: readonly Buffer[],
  { from = Date.now() - hour, until = Date.now() + hour }: Pick<Wanted, 'from' | 'until'>,
): string {
  const algorithm = sequence(objectId([0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02]));
  const number = Buffer.alloc(8, 1);
  number.writeUInt32BE(++serial, 4);
  const content = sequence(
    der(0xa0, der(0x02, Buffer.from([2]))),
    der(0x02, number),
    algorithm,
    issuer,
    sequence(time(from), time(until)),
    subject,
    publicKey.export({ type: 'spki', format: 'der' }),
    ...(extensions.length === 0 ? [] : [der(0xa3, sequence(...extensions))]),
  );
  const signature = sign('sha256', content, key);
  const bytes = sequence(content, algorithm, der(0x03, Buffer.from([0]), signature));
  const lines = bytes.toString('base64').match(/.{1,64}/g) ?? [];
  return ['-----BEGIN CERTIFICATE-----', ...lines, '-----END CERTIFICATE-----', ''].join('\n');
}

/** Tag, length, content. */
function der(tag: number, ...parts: readonly Buffer[]): Buffer {
  const content = Buffer.concat(parts);
  const { length } = content;
  const size = length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 255];
  return Buffer.concat([Buffer.from([tag, ...size]), content]);
}

const sequence = (...parts: readonly Buffer[]): Buffer => der(0x30, ...parts);
const objectId = (bytes: readonly number[]): Buffer => der(0x06, Buffer.from(bytes));
const extension = (id: readonly number[], value: Buffer): Buffer => sequence(objectId(id), der(0x04, value));

/** Years before 2050 alone. */
const time = (millis: number): Buffer =>
  der(0x17, Buffer.from(`${new Date(millis).toISOString().replace(/\D/g, '').slice(2, 14)}Z`));

const kinds = { CN: 3, O: 10, OU: 11 };

const distinguishedName = (parts: Wanted['subject']): Buffer =>
  sequence(
    ...parts.map(([kind, value]) =>
      der(0x31, sequence(objectId([0x55, 0x04, kinds[kind]]), der(0x0c, Buffer.from(value)))),
    ),
  );

const alternativeNames = (names: readonly string[]): Buffer =>
  extension(
    [0x55, 0x1d, 0x11],
    sequence(
      ...names.map((name) =>
        /^[\d.]+$/.test(name)
          ? der(0x87, Buffer.from(name.split('.').map(Number)))
          : der(0x82, Buffer.from(name)),
      ),
    ),
  );
