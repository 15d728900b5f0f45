/**
 * Decides what a recording of Sluice's wire hides, and writes the comments on its packets. It reads both directions of
 * one connection, header by header.
 *
 * - The value of `token` in any header is hidden, also where a peer has misplaced it: deeper than it belongs, or with
 *   other letters (`Token`). Bytes that cannot be read as frames are hidden from the frame at
 *   fault on, since a token may be anywhere in them; and so is a header that was never finished.
 * - A server's error about such a frame quotes it, so the quote is hidden as well.
 * - A refusal gets a comment that names the request; a fault gets one that describes it.
 */

import { requestBodyLength } from '../../files/protocol/body-length.ts';
import { catalogue, type ErrorCode } from '../../files/protocol/errors.ts';
import { faultCode } from '../../files/protocol/frame-error.ts';
import { replyFraming } from '../../files/protocol/reply.ts';
import type { Framing } from '../../wire/framing.ts';
import { type JsonHeader, jsonHeader } from '../../wire/json-header.ts';
import type { Side } from '../stream-event.ts';
import { createHeadFinder, type Head, type LostFraming } from './head-finder.ts';
import { jsonMasks, type Mask } from './json-mask.ts';
import { createRecordedRequests } from './open-requests.ts';

/** A comment on a packet of one side. */
export interface PacketComment {
  /** The offset in the stream, in bytes, of the byte it is about. */
  readonly position: number;
  readonly text: string;
}

/** Reads the bytes of one side, and finds what to hide in them. */
export interface Redactor {
  /**
   * Takes the next bytes. Returns the offset in the stream up to which masks and comments are known. Bytes behind it
   * must not be written yet.
   */
  readonly take: (chunk: Uint8Array) => number;
  /** Nothing more comes. Everything may be written. */
  readonly end: () => void;
  /** In order. The packet writer removes those in front of what it has written. */
  readonly masks: Mask[];
  readonly comments: PacketComment[];
  /** The offset from which on everything is hidden; infinity while there is none. */
  readonly hiddenFrom: () => number;
  /** Everything before this offset is written, the last of it in the packet of this number. */
  readonly written: (upTo: number, packet: number) => void;
}

export interface RedactorOptions {
  /** How requests are found; default as Sluice's own commands have them, with headers of up to 65,536 bytes. */
  readonly requests?: Framing<JsonHeader>;
  /** How replies are found; default likewise. */
  readonly replies?: Framing<JsonHeader>;
}

/** Errors that quote what the peer sent. */
const QUOTING_CODES: readonly unknown[] = ['bad-header-length', 'bad-header', 'bad-body-length', 'truncated'];
const isQuote = ([error, field, ...deeper]: readonly string[]): boolean =>
  error === 'error' && deeper.length === 0 && ['message', 'hex', 'ascii'].includes(field ?? '');
const isTokenKey = (key: string): boolean => key.length === 5 && key.toLowerCase() === 'token';
const isToken = (path: readonly string[]): boolean => isTokenKey(path.at(-1) ?? '');

/** Whether a header needs a closer look: nearly all headers are flat, and have no such key. */
function mayHoldToken(header: JsonHeader): boolean {
  for (const key of Object.keys(header)) {
    const value = header[key];
    if (isTokenKey(key) || (typeof value === 'object' && value !== null)) return true;
  }
  return false;
}

/** Every frame of a client is read as a request, whatever it looks like; otherwise a token in it might be missed. */
const sluiceRequests = jsonHeader({ bodyLength: requestBodyLength, delivery: () => 'skip' });

/** The bytes of the length in front of a header. */
const PREFIX_BYTES = 4;
const COMMAND_LENGTH_MAX = 64;
const TEXT_LENGTH_MAX = 240;

export function createRedactor(options: RedactorOptions = {}): Readonly<Record<Side, Redactor>> {
  const { requests: requestFraming = sluiceRequests, replies = replyFraming() } = options;
  const open = createRecordedRequests();

  const client = createSideRedactor(requestFraming, {
    secrets: (header) => (mayHoldToken(header) ? isToken : null),
    head({ header, position }) {
      open.opened(namedBy(header.cmd), position);
      return null;
    },
    written: open.written,
  });

  const server = createSideRedactor(replies, {
    secrets: ({ error }) =>
      QUOTING_CODES.includes((error as ErrorFields | undefined)?.code) ? isQuote : null,
    head({ header }) {
      const { ack, error, cmd } = header;
      if (ack === 'progress') return null;
      const request = open.answered(namedBy(ack ?? cmd));
      if (typeof error !== 'object' || error === null) return null;
      const { code, message } = error as ErrorFields;
      const which =
        request === null ? '' : ` request ${request.number} (${request.cmd}, packet ${request.packet})`;
      const words = QUOTING_CODES.includes(code) ? catalogue[code as ErrorCode].message : message;
      return `refused${which}: ${code}: ${words}`;
    },
    written: () => {},
  });
  return { client, server };
}

/** Anything may be in them: they are what a peer sent. */
interface ErrorFields {
  readonly code?: unknown;
  readonly message?: unknown;
}

/** A command as a reply names it. */
const namedBy = (cmd: unknown): string | null =>
  typeof cmd === 'string' ? cmd.slice(0, COMMAND_LENGTH_MAX) : null;

interface SideRules {
  /** Says which values of a header must be hidden; null when there are none. */
  readonly secrets: (header: JsonHeader) => ((path: readonly string[]) => boolean) | null;
  /** Called with each header; returns a comment on it, or null. */
  readonly head: (head: Head<JsonHeader>) => string | null;
  readonly written: Redactor['written'];
}

function createSideRedactor(framing: Framing<JsonHeader>, rules: SideRules): Redactor {
  const masks: Mask[] = [];
  const comments: PacketComment[] = [];
  let hiddenFrom = Number.POSITIVE_INFINITY;
  const finder = createHeadFinder(framing, {
    head(head) {
      const { header, position, bytes, start, end } = head;
      const isSecret = rules.secrets(header);
      if (isSecret !== null) {
        masks.push(...jsonMasks(bytes, start + PREFIX_BYTES, end, position + PREFIX_BYTES, isSecret));
      }
      const text = rules.head(head);
      if (text !== null) comments.push({ position, text: text.slice(0, TEXT_LENGTH_MAX) });
    },
    lost(onLost) {
      hiddenFrom = onLost.position;
      comments.push({ position: onLost.position, text: lostText(onLost) });
    },
  });
  return {
    take: finder.take,
    end: finder.end,
    masks,
    comments,
    hiddenFrom: () => hiddenFrom,
    written: rules.written,
  };
}

/** Nothing of what was sent is in it but the length that was declared. */
function lostText({ code, declared, limit, position }: LostFraming): string {
  const error = faultCode(code);
  const isNumber = typeof declared === 'number' || typeof declared === 'bigint';
  const bounds = limit === null ? '' : `, and the bound is ${limit}`;
  const numbers = isNumber ? ` (${declared}${bounds})` : '';
  const where = `at byte ${position} of this side`;
  return `${error}: ${catalogue[error].message}${numbers}, ${where}; from here on its bytes are written as *`;
}
