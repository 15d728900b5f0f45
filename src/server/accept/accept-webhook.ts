/**
 * A hook that asks by HTTP: it posts `{"name":…,"size":…,"crc32":…}`, and the answer decides.
 *
 *   204, or 200 with {"accept":true}              the file is stored
 *   200 with {"accept":false,"reason":"…"}        it is refused
 *   anything else                                 there is no answer
 */
import { randomUUID } from 'node:crypto';
import { Agent, type IncomingMessage } from 'node:http';
import { Agent as TlsAgent } from 'node:https';
import type { Accept } from '../../store/accept/with-accept.ts';
import { signedPost } from '../sinks/signed-post.ts';
import type { WebhookSecret } from '../sinks/webhook-signature.ts';

export interface AcceptWebhook {
  readonly accept: Accept;
  readonly close: () => void;
}

/** Bytes of an answer. */
const ANSWER_BYTES_MAX = 16 * 1024;
const NO_REASON = 'it was not accepted';

/** @param secrets each signs, as Standard Webhooks says; without any, nothing is signed. */
export function acceptByWebhook(url: URL, secrets: readonly WebhookSecret[]): AcceptWebhook {
  const agent =
    url.protocol === 'https:' ? new TlsAgent({ keepAlive: true }) : new Agent({ keepAlive: true });
  return {
    accept: async ({ name, size, crc32 }, signal) => {
      const body = JSON.stringify({ name, size, crc32 });
      return decisionOf(await post(url, agent, secrets, body, signal));
    },
    close: () => agent.destroy(),
  };
}

interface Answer {
  readonly status: number;
  readonly text: string;
}

/** Ended by the signal, when nothing is answered. Redirects are not followed. */
function post(
  url: URL,
  agent: Agent | TlsAgent,
  secrets: readonly WebhookSecret[],
  body: string,
  signal: AbortSignal,
): Promise<Answer> {
  const [id, type] = [randomUUID(), 'application/json'];
  return new Promise((resolve, reject) => {
    const request = signedPost({ url, agent, secrets, id, type, body, signal });
    request.on('response', (response) => {
      readText(response).then((text) => resolve({ status: response.statusCode ?? 0, text }), reject);
    });
    request.on('error', reject);
    request.end(body);
  });
}

async function readText(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response) {
    bytes += chunk.length;
    if (bytes > ANSWER_BYTES_MAX) throw new Error(`its answer has more than ${ANSWER_BYTES_MAX} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function decisionOf({ status, text }: Answer): string | null {
  if (status === 204) return null;
  if (status !== 200) throw new Error(`it answered ${status}`);
  const answer = parsed(text);
  if (answer?.accept === true) return null;
  if (answer?.accept !== false) throw new Error('its answer has no "accept" that is true or false');
  return typeof answer.reason === 'string' && answer.reason !== '' ? answer.reason : NO_REASON;
}

function parsed(text: string): { readonly accept?: unknown; readonly reason?: unknown } | null {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
