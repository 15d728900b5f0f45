/** A POST to a webhook, signed as Standard Webhooks says. Redirects are not followed: Node follows none. */
import { type Agent, type ClientRequest, request as requestHttp } from 'node:http';
import { request as requestHttps, type Agent as TlsAgent } from 'node:https';
import { version } from '../../files/protocol/version.ts';
import { signatureHeaders, type WebhookSecret } from './webhook-signature.ts';

export interface SignedPost {
  readonly url: URL;
  readonly agent: Agent | TlsAgent;
  /** Each signs. Without any, nothing is signed. */
  readonly secrets: readonly WebhookSecret[];
  /** The same however often it is sent. */
  readonly id: string;
  /** The media type of the body. */
  readonly type: string;
  readonly body: string;
  /** Aborted when nobody waits for the answer any more; default the caller ends the request itself. */
  readonly signal?: AbortSignal;
}

/** A request that the caller ends with its body, once it listens to what comes of it. */
export function signedPost({ url, agent, secrets, id, type, body, signal }: SignedPost): ClientRequest {
  const headers = {
    'content-type': type,
    'content-length': Buffer.byteLength(body),
    'user-agent': `sluice/${version}`,
    ...signatureHeaders(secrets, id, Math.floor(Date.now() / 1000), body),
  };
  const ask = url.protocol === 'https:' ? requestHttps : requestHttp;
  return ask(url, { method: 'POST', agent, headers, ...(signal && { signal }) });
}
