/**
 * The log of a server: a line for each stored file, each refusal and each failure. It is pretty on a terminal, else
 * JSON. `log-line` makes the lines.
 *
 * The log goes to stderr, so that stdout has only the line that says where the server listens. Lines are gathered and
 * written asynchronously: when there are 16 KiB, when the server falls idle, and every second. A server that stores ten
 * thousand files a second must not wait for each line. `HELD_BYTES_MAX` bounds the gathered lines: when the reader
 * stops reading or the disk is full, further lines are lost, and one line says how many.
 */
import pino from 'pino';
import pretty from 'pino-pretty';
import type { ServerEvent } from '../../server/event.ts';
import { type LogLevel, logLine } from './log-line.ts';
import { logSink } from './log-sink.ts';

const HELD_BYTES_MAX = 16 * 1024 * 1024;
/** Milliseconds without a new line after which the gathered lines are written. */
const IDLE_MS = 50;
/** Milliseconds after which the gathered lines are written at the latest. */
const REFRESH_MAX_MS = 1000;

export interface ServerLogOptions {
  /** Readable, and in colour; default: whether stderr is a terminal. */
  readonly terminal?: boolean;
  /** The lowest level that is written; default `info`. `silent` writes nothing. */
  readonly level?: LogLevel | 'silent';
  /** Where it goes; default stderr. */
  readonly fd?: number;
}

export interface ServerLog {
  readonly event: (event: ServerEvent) => void;
  readonly info: (message: string) => void;
  readonly warn: (message: string) => void;
  readonly error: (message: string) => void;
  /** Writes the remaining lines. Resolves when they are written. */
  readonly close: () => Promise<void>;
  /** Writes the remaining lines before it returns, for a process that is about to end. */
  readonly closeSync: () => void;
}

/**
 * @example
 * const log = serverLog({ level: 'debug' });
 * events$.subscribe(log.event);
 */
export function serverLog(options: ServerLogOptions = {}): ServerLog {
  const { terminal = process.stderr.isTTY, level = 'info', fd = 2 } = options;
  const sink = logSink({ fd, heldMaxBytes: HELD_BYTES_MAX });
  const prettify = terminal
    ? pretty.prettyFactory({
        singleLine: true,
        colorize: true,
        // An error of the protocol is data, and fits into the line.
        errorLikeObjectKeys: ['err'],
      })
    : undefined;
  const write = (line: string): void => {
    sink.write(prettify === undefined ? line : harmless(prettify(line)));
  };
  const logger = pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (level) => ({ level }) },
    },
    { write },
  );

  const logsStored = logger.isLevelEnabled('info');
  const logsServed = logger.isLevelEnabled('debug');

  let busySince: number | null = null;
  let quiet: NodeJS.Timeout | undefined;
  function wrote(): void {
    const now = Date.now();
    busySince ??= now;
    if (now - busySince >= REFRESH_MAX_MS) return flush();
    if (quiet === undefined) quiet = setTimeout(flush, IDLE_MS);
    else if (now !== lastRefresh) quiet.refresh();
    lastRefresh = now;
  }
  let lastRefresh = 0;
  function say(how: 'info' | 'warn' | 'error', message: string): void {
    if (!logger.isLevelEnabled(how)) return;
    logger[how](message);
    wrote();
  }
  function flush(): void {
    clearTimeout(quiet);
    quiet = undefined;
    busySince = null;
    const { held, refused } = sink.lost();
    if (held > 0) logger.warn({ lost: held }, 'log lines were lost: their reader is too slow');
    if (refused > 0) logger.warn({ lost: refused }, 'log lines were lost: they could not be written');
    sink.flush();
  }

  return {
    event: (event) => {
      if (event.type === 'stored') {
        if (!logsStored) return;
        write(storedLine(event));
        return wrote();
      }
      // This event comes with every request, so a level that does not log it must cost nothing.
      if (event.type === 'served' && !logsServed) return;
      const line = logLine(event);
      if (line === null || !logger.isLevelEnabled(line.level)) return;
      logger[line.level](line.fields, line.message);
      wrote();
    },
    info: (message) => say('info', message),
    warn: (message) => say('warn', message),
    error: (message) => say('error', message),
    close: () => {
      flush();
      return sink.close();
    },
    closeSync: () => {
      clearTimeout(quiet);
      sink.closeSync();
    },
  };
}

/**
 * The line of a stored file, as pino would write it. It is the one line that comes ten thousand times a second, and
 * pino puts its lines together from so many pieces that it costs a tenth of storing a small file.
 */
function storedLine(event: Extract<ServerEvent, { type: 'stored' }>): string {
  const { filename, size, crc32, durable, request, id, ms, remote, connection } = event;
  const time = new Date().toISOString();
  const file = { filename, size, crc32, durable };
  const line = { level: 'info', time, ...file, request, id, ms, remote, connection, msg: 'stored' };
  return `${JSON.stringify(line)}\n`;
}

/** JSON leaves the control characters above ASCII as they are; a terminal may obey them. */
const harmless = (text: string): string =>
  text.replace(/[\u007f-\u009f]/g, (character) => `\\u00${character.charCodeAt(0).toString(16)}`);
