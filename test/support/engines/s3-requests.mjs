// Signed requests to an S3 engine (AWS Signature Version 4), for tests: by `fetch`, and with no protection of the body.
import { createHash, createHmac } from 'node:crypto';

const hmac = (key, text) => createHmac('sha256', key).update(text).digest();
const quoted = (text) =>
  encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);

/** Sends a request for a key of the bucket (or for the bucket itself, with an empty key) that the facts name. */
export function s3Request(facts, method, key = '', { query = {}, headers = {}, body, signal } = {}) {
  const { endpoint, region, accessKey, secretKey, bucket } = facts;
  const path = `/${bucket}${key === '' ? '' : `/${key.split('/').map(quoted).join('/')}`}`;
  const parameters = Object.entries(query)
    .map(([name, value]) => `${quoted(name)}=${quoted(value)}`)
    .sort()
    .join('&');
  const time = new Date().toISOString().replace(/[-:]|\.\d+/g, '');
  const payload = 'UNSIGNED-PAYLOAD';
  const signed = { host: new URL(endpoint).host, 'x-amz-content-sha256': payload, 'x-amz-date': time };
  const lines = Object.entries(signed).map(([name, value]) => `${name}:${value}\n`);
  const names = Object.keys(signed).join(';');
  const canonical = [method, path, parameters, lines.join(''), names, payload].join('\n');
  const scope = `${time.slice(0, 8)}/${region}/s3/aws4_request`;
  const digest = createHash('sha256').update(canonical).digest('hex');
  const key4 = scope.split('/').reduce(hmac, `AWS4${secretKey}`);
  const signature = hmac(key4, `AWS4-HMAC-SHA256\n${time}\n${scope}\n${digest}`).toString('hex');
  const authorization = `AWS4-HMAC-SHA256 Credential=${accessKey}/${scope}, SignedHeaders=${names}, Signature=${signature}`;
  const { host: _, ...sent } = signed;
  return fetch(`${endpoint}${path}${parameters === '' ? '' : `?${parameters}`}`, {
    method,
    body,
    signal,
    headers: { ...headers, ...sent, authorization },
  });
}

/** Makes the bucket that the facts name. */
export async function makeBucket(facts) {
  const answer = await s3Request(facts, 'PUT');
  if (!answer.ok) throw new Error(`no bucket ${facts.bucket}: ${answer.status} ${await answer.text()}`);
}
