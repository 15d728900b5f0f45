/** Sluice's own wire in a recording: how its frames are found, told, and recognized by their first bytes. */
import { replyFraming } from '../protocol/reply.ts';
import { requestPatterns } from '../protocol/request.ts';
import { problem } from '../wire/fault.ts';
import { type JsonHeader, jsonHeader } from '../wire/json-header.ts';
import type { SideFraming } from './side-frames.ts';
import type { Side } from './stream-event.ts';

/** How many bytes it takes to recognize it. */
export const SLUICE_OPENING = 5;

const MAX_HEADER = 65_536;
const BRACE = 0x7b;

/** Whether a side's first five bytes are the length of a header and the beginning of its JSON. */
export function looksLikeSluice(bytes: Uint8Array): boolean {
  if (bytes.length < SLUICE_OPENING || bytes[4] !== BRACE) return false;
  const length = new DataView(bytes.buffer, bytes.byteOffset).getInt32(0, true);
  return length >= 2 && length <= MAX_HEADER;
}

/**
 * The frames of a client, requests, or of a server, replies.
 *
 * A body is as long as the request says: of a `put` what is left of the file, of a command that nobody knows its
 * `filesize`, of any other nothing.
 */
export function sluiceFraming(from: Side): SideFraming {
  const framing = from === 'server' ? replyFraming() : jsonHeader({ bodyLength });
  return {
    framing,
    label: (header) => (from === 'server' ? replyLabel : requestLabel)(header as JsonHeader),
  };
}

function bodyLength(header: JsonHeader) {
  const { cmd, filesize, offset = 0 } = header;
  const isPut = cmd === 'put';
  if (!isPut && (filesize === undefined || Object.hasOwn(requestPatterns, String(cmd)))) return 0;
  if (!isSize(filesize)) return problem('body-length-invalid', "'filesize' is no number of bytes");
  if (!isPut) return filesize;
  return isSize(offset) && offset <= filesize
    ? filesize - offset
    : problem('body-length-invalid', "'offset' is no number of bytes up to 'filesize'");
}

const isSize = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;

function requestLabel({ cmd, filename, to, upload }: JsonHeader): string {
  return words(cmd, filename ?? upload, to === undefined ? undefined : `→ ${to}`);
}

function replyLabel({ ack, error, filename, cmd }: JsonHeader): string {
  if (error === undefined) return words('ack', ack, filename);
  const { code } = (typeof error === 'object' && error !== null ? error : {}) as JsonHeader;
  return words('error', code, cmd === undefined ? undefined : `(${cmd})`);
}

/** Those of them that are text or numbers, as a header is what anybody sent. */
const words = (...all: readonly unknown[]): string =>
  all.filter((one) => typeof one === 'string' || typeof one === 'number').join(' ');
