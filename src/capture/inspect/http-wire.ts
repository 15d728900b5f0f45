/** HTTP/1 in a recording, as a preset that is recognized by a side's first bytes. */
import { binaryString } from '../../base/bytes.ts';
import type { Preset } from '../../wire/preset.ts';
import { type HttpHead, httpFramings } from './http-framing.ts';

/** How many first bytes show whether it is HTTP/1. */
const PREFIX_BYTES = 5;

const BEGINNINGS: ReadonlySet<string> = new Set([
  ...['HTTP/', 'GET /', 'GET h', 'HEAD ', 'POST ', 'PUT /', 'PUT h'],
  ...['DELET', 'OPTIO', 'PATCH', 'CONNE', 'TRACE', 'PROPF', 'MKCOL', 'REPOR'],
]);

/** Whether a side's first five bytes are those of a request or a response. */
export const looksLikeHttp = (bytes: Uint8Array): boolean =>
  bytes.length >= PREFIX_BYTES && BEGINNINGS.has(binaryString(bytes, 0, PREFIX_BYTES));

/**
 * The preset `http`. Its `framing` is that of a server's side that knows of no request: a conversation has those of
 * `httpFramings`.
 */
export const httpWire: Preset<HttpHead> = {
  name: 'http',
  title: 'HTTP/1.0 and 1.1',
  source: 'RFC 9112',
  ports: [],
  framing: ({ side = 'server' } = {}) => httpFramings()[side],
  label: (header) => (header as Partial<HttpHead> | null)?.label ?? null,
};
