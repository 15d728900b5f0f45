/**
 * The log of a server: a line for each stored file, each refusal and each failure. It is pretty on a terminal, else
 * JSON. `log-line` makes the lines.
 *
 * The log goes to stderr, so that stdout has only the line that says where the server listens. Lines are gathered and
 * written asynchronously: when there are 16 KiB, when the server falls idle, and every second. A server that stores ten
 * thousand files a second must not wait for each line. `HELD_BYTES_MAX` bounds the gathered lines: when the reader
 * stops reading or the disk is full, further lines are lost, and one line says how many.
 */
import pino, { type Logger } from 'pino';
import pretty from 'pino-pretty';
import type { ServerEvent } from '../../server/event.ts';
import { type LogLevel, logLine } from './log-line.ts';
import { createLogSink, type LogSink } from './log-sink.ts';

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
  /** Takes the lines instead: of a worker, whose lines another process writes. */
  readonly sink?: LogSink;
  /** The number of the worker, which each line has; default none. */
  readonly worker?: number;
}

export interface ServerLog {
  readonly event: (event: ServerEvent) => void;
  readonly info: (message: string) => void;
  readonly warn: (message: string) => void;
  readonly error: (message: string) => void;
  /** Takes lines as another process has made them, each with its end. */
  readonly lines: (text: string) => void;
  /** Writes the remaining lines. Resolves when they are written. */
  readonly close: () => Promise<void>;
  /** Writes the remaining lines before it returns, for a process that is about to end. */
  readonly closeSync: () => void;
}

interface LogState {
  readonly worker: number | undefined;
  readonly sink: LogSink;
  readonly logger: Logger;
  /** Writes one line of JSON, as pino makes it, to the sink. */
  readonly write: (line: string) => void;
  /** Whether the level lets lines of these events through: they come with every request. */
  readonly logsStored: boolean;
  readonly logsServed: boolean;
  /** When the oldest line that is not flushed was written; null when there is none. */
  busySince: number | null;
  /** Flushes when no line is written for `IDLE_MS`. */
  idleTimer: NodeJS.Timeout | undefined;
  /** The millisecond in which the timer was last restarted: once is enough for all lines in it. */
  lastRefresh: number;
}

/**
 * @example
 * const log = createServerLog({ level: 'debug' });
 * events$.subscribe(log.event);
 */
export function createServerLog(options: ServerLogOptions = {}): ServerLog {
  const log = createState(options);
  return {
    event: (event) => logEvent(log, event),
    info: (message) => logMessage(log, 'info', message),
    warn: (message) => logMessage(log, 'warn', message),
    error: (message) => logMessage(log, 'error', message),
    lines: (text) => {
      log.sink.write(text);
      onWritten(log);
    },
    close: () => {
      flush(log);
      return log.sink.close();
    },
    closeSync: () => {
      clearTimeout(log.idleTimer);
      log.sink.closeSync();
    },
  };
}

function createState(options: ServerLogOptions): LogState {
  const { terminal = process.stderr.isTTY, level = 'info', fd = 2, worker } = options;
  const sink = options.sink ?? createLogSink({ fd, heldMaxBytes: HELD_BYTES_MAX });
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
      base: worker === undefined ? null : { worker },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (level) => ({ level }) },
    },
    { write },
  );
  return {
    worker,
    sink,
    logger,
    write,
    logsStored: logger.isLevelEnabled('info'),
    logsServed: logger.isLevelEnabled('debug'),
    busySince: null,
    idleTimer: undefined,
    lastRefresh: 0,
  };
}

function logEvent(log: LogState, event: ServerEvent): void {
  if (event.type === 'stored') {
    if (!log.logsStored) return;
    log.write(storedLine(event, log.worker));
    return onWritten(log);
  }
  // This event comes with every request, so a level that does not log it must cost nothing.
  if (event.type === 'served' && !log.logsServed) return;
  const line = logLine(event);
  if (line === null || !log.logger.isLevelEnabled(line.level)) return;
  log.logger[line.level](line.fields, line.message);
  onWritten(log);
}

function logMessage(log: LogState, level: 'info' | 'warn' | 'error', message: string): void {
  if (!log.logger.isLevelEnabled(level)) return;
  log.logger[level](message);
  onWritten(log);
}

/** A line was gathered: has it flushed when the server falls idle, or now when lines have waited for long enough. */
function onWritten(log: LogState): void {
  const now = Date.now();
  log.busySince ??= now;
  if (now - log.busySince >= REFRESH_MAX_MS) return flush(log);
  if (log.idleTimer === undefined) log.idleTimer = setTimeout(flush, IDLE_MS, log);
  else if (now !== log.lastRefresh) log.idleTimer.refresh();
  log.lastRefresh = now;
}

function flush(log: LogState): void {
  clearTimeout(log.idleTimer);
  log.idleTimer = undefined;
  log.busySince = null;
  const { held, refused } = log.sink.lost();
  if (held > 0) log.logger.warn({ lost: held }, 'log lines were lost: their reader is too slow');
  if (refused > 0) log.logger.warn({ lost: refused }, 'log lines were lost: they could not be written');
  log.sink.flush();
}

/**
 * The line of a stored file, as pino would write it. It is the one line that comes ten thousand times a second, and
 * pino puts its lines together from so many pieces that it costs a tenth of storing a small file.
 */
function storedLine(event: Extract<ServerEvent, { type: 'stored' }>, worker: number | undefined): string {
  const { filename, size, crc32, durable, request, id, ms, remote, connection } = event;
  const time = new Date().toISOString();
  const file = { filename, size, crc32, durable };
  const line = { level: 'info', time, worker, ...file, request, id, ms, remote, connection, msg: 'stored' };
  return `${JSON.stringify(line)}\n`;
}

/** JSON leaves the control characters above ASCII as they are; a terminal may obey them. */
const harmless = (text: string): string =>
  text.replace(/[\u007f-\u009f]/g, (character) => `\\u00${character.charCodeAt(0).toString(16)}`);
