/** What HTTP says of a stored file: its version, its type, and which part of it is asked for. */
import type { IncomingHttpHeaders, OutgoingHttpHeaders } from 'node:http';
import { create as contentDisposition } from 'content-disposition';
import fresh from 'fresh';
import mime from 'mime/lite';
import parseRange from 'range-parser';
import type { FileInfo } from '../../files/protocol/file.ts';

/** How a request for a file is answered. */
export type FileAnswer =
  | { readonly status: 304 | 416; readonly headers: OutgoingHttpHeaders }
  | {
      readonly status: 200 | 206;
      readonly headers: OutgoingHttpHeaders;
      readonly offset: number;
      readonly length: number;
    };

export interface FileQuestion {
  readonly method: string | undefined;
  readonly headers: IncomingHttpHeaders;
  /** Whether the file is to be shown, not saved. */
  readonly isInline: boolean;
}

/** Nothing in a stored file may run, or be used by another page. */
const SAFETY = {
  'x-content-type-options': 'nosniff',
  'content-security-policy': "sandbox; default-src 'none'",
  'cross-origin-resource-policy': 'same-origin',
};

export function answerFor(file: FileInfo, { method, headers, isInline }: FileQuestion): FileAnswer {
  const etag = etagOf(file);
  const modified = new Date(file.mtime);
  const version: OutgoingHttpHeaders = {
    etag,
    ...(Number.isNaN(modified.getTime()) ? {} : { 'last-modified': modified.toUTCString() }),
    // Kept, but asked for each time: rights change.
    'cache-control': 'private, no-cache',
    vary: 'Cookie',
  };
  if (fresh(headers, version)) return { status: 304, headers: { ...version, ...SAFETY } };
  const whole = {
    ...version,
    ...SAFETY,
    ...shownAs(file.name, isInline),
    'accept-ranges': 'bytes',
  };
  const range = method === 'GET' ? rangeOf(headers, etag, file.size) : null;
  if (range === 'none') {
    const contentRange = { 'content-range': `bytes */${file.size}` };
    return { status: 416, headers: { ...version, ...SAFETY, ...contentRange, 'content-length': 0 } };
  }
  if (range === null) {
    return { status: 200, headers: { ...whole, 'content-length': file.size }, offset: 0, length: file.size };
  }
  const { start, end } = range;
  const length = end - start + 1;
  const contentRange = { 'content-range': `bytes ${start}-${end}/${file.size}`, 'content-length': length };
  return { status: 206, headers: { ...whole, ...contentRange }, offset: start, length };
}

/**
 * The version of a file. It is a strong one only where its CRC-32 is known: the time may be one that a client has said,
 * so two contents may have size and time in common.
 */
export function etagOf({ size, mtime, crc32 }: FileInfo): string {
  const version = `${size.toString(36)}-${mtime.toString(36)}`;
  return crc32 === undefined ? `W/"${version}"` : `"${version}-${crc32.toString(36)}"`;
}

/**
 * The part of the file that is asked for: null for all of it, `none` for one that it does not have. Several parts are
 * answered with the whole file, as a server may.
 */
function rangeOf(
  { range, 'if-range': ifRange }: IncomingHttpHeaders,
  etag: string,
  size: number,
): { readonly start: number; readonly end: number } | 'none' | null {
  if (range === undefined) return null;
  // A time is no strong version, and what is not strong never matches.
  if (ifRange !== undefined && (ifRange !== etag || etag.startsWith('W/'))) return null;
  // More than the file has, from its end: all of it. The parser takes that for a range outside.
  const [, last] = /^bytes=\s*-(\d+)\s*$/.exec(range) ?? [];
  if (last !== undefined && Number(last) > size && size > 0) return { start: 0, end: size - 1 };
  const parts = parseRange(size, range, { combine: true });
  if (parts === -1) return range.startsWith('bytes=') ? 'none' : null;
  if (parts === -2 || parts.type !== 'bytes' || parts.length !== 1) return null;
  return parts[0] ?? null;
}

/** Pictures that a browser only draws. SVG is not among them: it may hold scripts. */
const PICTURES: ReadonlySet<string> = new Set([
  'image/png',
  'image/jpeg',
  'image/gif',
  'image/webp',
  'image/avif',
]);
/** Types that are text, besides `text/…`. */
const TEXT_TYPES =
  /^(text\/.*|application\/(json|json5|ld\+json|javascript|node|xml|yaml|toml|sql|x-sh|rtf)|.*\+(xml|json))$/;
/** Extensions that mean something else to most who have such files. */
const TEXT_EXTENSIONS = /\.[cm]?tsx?$/i;

/** A file that is shown is a picture or plain text; all others are saved, whatever they are. */
function shownAs(name: string, isInline: boolean): OutgoingHttpHeaders {
  const basename = name.slice(name.lastIndexOf('/') + 1);
  const type = isInline ? inlineType(basename) : null;
  return {
    'content-type': type ?? 'application/octet-stream',
    'content-disposition': contentDisposition(basename, { type: type === null ? 'attachment' : 'inline' }),
  };
}

function inlineType(basename: string): string | null {
  const type = mime.getType(basename);
  if (type !== null && PICTURES.has(type)) return type;
  const isText = type === null || TEXT_TYPES.test(type) || TEXT_EXTENSIONS.test(basename);
  return isText ? 'text/plain; charset=utf-8' : null;
}
