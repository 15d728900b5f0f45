/**
 * Makes the log line of an event: its level, its message and its fields.
 *
 * Every line of a connection has its `connection`. Every line of a request has its `request` (from 1, in its
 * connection), the peer's own `id` if it gave one, and `ms`. No line has a header or a piece of one, since it may hold
 * a token: only a request's command, id and file name are taken from it.
 */
import { catalogue, type ErrorCode, type ServiceFault } from '../../files/protocol/errors.ts';
import type { ServerEvent } from '../../server/event.ts';
import { guessProtocol } from '../../wire/guess-protocol.ts';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

export interface LogLine {
  readonly level: LogLevel;
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

/**
 * The line of an event; null when it has none.
 *
 * @example logLine(event) // { level: 'warn', message: 'refused', fields: { connection: '7', request: 3, … } }
 */
export function logLine(event: ServerEvent): LogLine | null {
  switch (event.type) {
    case 'opened':
      return { level: 'debug', message: 'opened', fields: whereOf(event) };
    case 'closed':
      return closedLine(event);
    case 'stored': {
      const { filename, size, crc32, durable } = event;
      const fields = { filename, size, crc32, durable, ...requestOf(event), ...whereOf(event) };
      return { level: 'info', message: 'stored', fields };
    }
    case 'served': {
      const { cmd, filename } = event;
      return {
        level: 'debug',
        message: 'served',
        fields: { cmd, filename, ...requestOf(event), ...whereOf(event) },
      };
    }
    case 'refused': {
      const { cmd, filename } = event;
      const error = withoutContent(event.error);
      const fields = { cmd, filename, error, ...requestOf(event), ...whereOf(event) };
      return { level: 'warn', message: 'refused', fields };
    }
    case 'internal-error':
      if (!('connection' in event)) {
        const message = 'a bug: shutdown$ failed, and the server shuts down';
        return { level: 'error', message, fields: { err: event.thrown } };
      }
      return {
        level: 'error',
        message: 'a bug: the peer was told internal',
        fields: { err: event.thrown, ...whereOf(event) },
      };
    case 'accept-failed':
      return {
        level: 'error',
        message: 'a connection could not be accepted',
        fields: { fault: event.fault },
      };
    case 'turned-away':
      return { level: 'warn', message: 'turned away', fields: { code: event.code, ...whereOf(event) } };
    case 'slowed':
      return {
        level: 'info',
        message: 'slowed down: many tokens from its address were wrong',
        fields: { ms: event.ms, ...whereOf(event) },
      };
    case 'cut':
      return {
        level: 'warn',
        message: 'cut off: not finished within the grace time',
        fields: { open: event.open, ...whereOf(event) },
      };
    case 'listening':
      return null;
  }
}

type Located = Extract<ServerEvent, { readonly connection: string }>;

const whereOf = ({ remote, connection }: Located) => ({ remote, connection });

const requestOf = ({ request, id, ms }: Extract<ServerEvent, { readonly request: number }>) => ({
  request,
  id,
  ms,
});

function closedLine(event: Extract<ServerEvent, { readonly type: 'closed' }>): LogLine {
  const { fault, ms } = event;
  const fields = { ms, ...whereOf(event) };
  if (fault === null) return { level: 'debug', message: 'closed', fields };
  if (fault.code === 'unread') return { level: 'info', message: 'left without reading its replies', fields };
  return { level: 'warn', message: 'a connection broke', fields: { fault, ...fields } };
}

/** The errors that quote the peer's bytes. */
const QUOTING_CODES: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'bad-header-length',
  'bad-header',
  'bad-body-length',
  'truncated',
]);

/**
 * Makes an error fit for the log. Of an error that quotes the peer's bytes it keeps the code, the catalogue's own
 * message, the position and the lengths. The reply to the peer says more.
 */
export function withoutContent(error: ServiceFault): ServiceFault {
  const { code, position, declared, limit, hex } = error;
  if (!QUOTING_CODES.has(code)) return error;
  const { message } = catalogue[code];
  // The hint is made again from the bytes: in the message, our words and the peer's are mixed.
  const spoken = typeof hex === 'string' ? guessProtocol(Buffer.from(hex.replaceAll(' ', ''), 'hex')) : null;
  const hint = spoken === null ? '' : ` (the bytes look like ${spoken})`;
  return { code, message: message + hint, position, declared, limit };
}
