/** A sink that sends each event by HTTP, as CloudEvents and Standard Webhooks say. */
import { Agent, type IncomingMessage } from 'node:http';
import { Agent as TlsAgent } from 'node:https';
import { isIP } from 'node:net';
import type { ChangeEvent } from '../../store/changes/change-log.ts';
import { type AddressRules, checkedLookup, forbiddenError } from './address-rules.ts';
import { CLOUD_EVENT_TYPE, cloudEvent } from './cloud-event.ts';
import { retryAfterMs } from './retry-after.ts';
import { signedPost } from './signed-post.ts';
import { DELIVERED, type DeliveryAnswer, type EventSink, failed } from './sink.ts';
import type { WebhookSecret } from './webhook-signature.ts';

export interface WebhookOptions {
  readonly name: string;
  readonly url: URL;
  /** Each signs. Without any, nothing is signed. */
  readonly secrets?: readonly WebhookSecret[];
  /** Default every address. */
  readonly addresses?: AddressRules;
  /** Milliseconds for a request, until its answer; default 30,000. */
  readonly timeoutMs?: number;
  /** Requests at once; default 4. */
  readonly concurrency?: number;
}

const TIMEOUT_MS = 30_000;
const CONCURRENCY = 4;
/** Bytes of an answer that are read, so that the connection can be used again. */
const ANSWER_BYTES_MAX = 64 * 1024;

export function webhookSink(options: WebhookOptions): EventSink {
  const { name, url, addresses, concurrency = CONCURRENCY } = options;
  const isSecure = url.protocol === 'https:';
  const agentOptions = {
    keepAlive: true,
    maxSockets: concurrency,
    ...(addresses && { lookup: checkedLookup(addresses) }),
  };
  const agent = isSecure ? new TlsAgent(agentOptions) : new Agent(agentOptions);
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
  return {
    name,
    concurrency,
    deliver: async (event, signal) => {
      // An address is not looked up, so it is checked here.
      if (addresses !== undefined && isIP(host) !== 0 && !addresses(host)) throw forbiddenError(host);
      return await send(options, agent, event, signal);
    },
    close: () => agent.destroy(),
  };
}

function send(
  { url, secrets = [], timeoutMs = TIMEOUT_MS }: WebhookOptions,
  agent: Agent | TlsAgent,
  event: ChangeEvent,
  signal: AbortSignal,
): Promise<DeliveryAnswer> {
  const body = cloudEvent(event);
  return new Promise((resolve, reject) => {
    const request = signedPost({ url, agent, secrets, id: event.id, type: CLOUD_EVENT_TYPE, body });
    const giveUp = () => request.destroy(new Error('it was given up'));
    // For the whole answer, which is not over with its head.
    const timer = setTimeout(() => {
      request.destroy(new Error(`no answer in ${timeoutMs / 1000} s`));
    }, timeoutMs);
    signal.addEventListener('abort', giveUp);
    request.on('close', () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', giveUp);
    });
    request.on('response', (response) => {
      resolve(answerOf(response));
      drain(response);
    });
    request.on('error', reject);
    request.end(body);
  });
}

/** Redirects are not followed: who may receive events is the operator's choice, and no server's. */
function answerOf({ statusCode = 0, headers }: IncomingMessage): DeliveryAnswer {
  if (statusCode >= 200 && statusCode < 300) return DELIVERED;
  const reason = `it answered ${statusCode}`;
  const isRefusal = statusCode >= 400 && statusCode < 500 && statusCode !== 408 && statusCode !== 429;
  if (isRefusal) return { type: 'refused', reason };
  return failed(reason, retryAfterMs(headers['retry-after'], Date.now()));
}

function drain(response: IncomingMessage): void {
  let bytes = 0;
  response.on('error', () => {});
  response.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > ANSWER_BYTES_MAX) response.destroy();
  });
}
