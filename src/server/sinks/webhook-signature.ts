/** The headers of Standard Webhooks, by which a receiver knows who sent an event, and that it is whole and new. */
import { createHmac } from 'node:crypto';

/** A secret, as bytes. */
export type WebhookSecret = Buffer;

const PREFIX = 'whsec_';
const SECRET_BYTES_MIN = 24;
const SECRET_BYTES_MAX = 64;

/**
 * Reads secrets, one a line: `whsec_` and 24 to 64 bytes in base64. There may be two while one takes the place of the
 * other. Undefined when it is something else.
 */
export function readSecrets(text: string): readonly WebhookSecret[] | undefined {
  const lines = text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
  const secrets = lines.map(readSecret);
  return secrets.length > 0 && secrets.every((secret) => secret !== undefined) ? secrets : undefined;
}

function readSecret(line: string): WebhookSecret | undefined {
  const text = line.startsWith(PREFIX) ? line.slice(PREFIX.length) : '';
  const secret = Buffer.from(text, 'base64');
  const isWhole = secret.toString('base64').replace(/=+$/, '') === text.replace(/=+$/, '');
  return isWhole && secret.length >= SECRET_BYTES_MIN && secret.length <= SECRET_BYTES_MAX
    ? secret
    : undefined;
}

/** @param seconds of this try, since 1970. */
export function signatureHeaders(
  secrets: readonly WebhookSecret[],
  id: string,
  seconds: number,
  body: string,
): Readonly<Record<string, string>> {
  const identity = { 'webhook-id': id, 'webhook-timestamp': String(seconds) };
  if (secrets.length === 0) return identity;
  const signatures = secrets.map((secret) => {
    const hash = createHmac('sha256', secret).update(`${id}.${seconds}.${body}`);
    return `v1,${hash.digest('base64')}`;
  });
  return { ...identity, 'webhook-signature': signatures.join(' ') };
}
