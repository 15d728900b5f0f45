/**
 * What a server tells its operator: a line a stored file, a refusal, a trouble. Pretty on a terminal, else JSON.
 *
 * It goes to stderr, so that stdout has only the line that says where the server listens. Lines are gathered and
 * written asynchronously: when 16 KiB have come together, when the server falls idle, and every second; a server that
 * stores ten thousand files a second must not wait for each line. What is gathered is bounded by `maxHeld`: a reader
 * that stops reading loses lines, and a line says how many.
 */
import pino, { type Logger } from 'pino';
import pretty from 'pino-pretty';
import type { ServerEvent } from '../server/event.ts';

const gather = 16 * 1024;
const maxHeld = 16 * 1024 * 1024;
/** Milliseconds without a line after which what was gathered is written. */
const idle = 50;
/** Milliseconds after which it is written at the latest. */
const latest = 1000;

export interface ServerLog {
  readonly event: (event: ServerEvent) => void;
  readonly info: (message: string) => void;
  readonly warn: (message: string, about?: object) => void;
  readonly error: (message: string, about?: object) => void;
  /** Writes what is left; resolves when it is written. */
  readonly close: () => Promise<void>;
  /** Writes what is left before it returns, for when the process is about to end. */
  readonly closeSync: () => void;
}

export type LogLevel = 'error' | 'warn' | 'info' | 'debug';

/** @param level the least that is written. */
export function serverLog(level: LogLevel = 'info', terminal: boolean = process.stderr.isTTY): ServerLog {
  const sink = pino.destination({
    fd: 2,
    sync: false,
    minLength: gather,
    maxWrite: 4 * gather,
    maxLength: maxHeld,
  });
  let dropped = 0;
  /** Bytes handed to the sink, and bytes it has written. */
  let [given, written] = [0, 0];
  sink.on('drop', (line) => {
    dropped++;
    given -= Buffer.byteLength(line);
  });
  sink.on('write', (bytes) => {
    written += bytes;
  });
  // What came while it wrote, and was to be flushed already, it would keep for the next time.
  sink.on('drain', () => {
    if (quiet === undefined && written < given) sink.flush();
  });
  // Nobody reads the log any more (EPIPE): the server goes on.
  sink.on('error', () => {});
  const prettify = terminal
    ? pretty.prettyFactory({
        singleLine: true,
        colorize: true,
        // An error of the protocol is data, and fits into the line.
        errorLikeObjectKeys: ['err'],
      })
    : undefined;
  const write = (line: string): void => {
    const text = prettify === undefined ? line : prettify(line);
    given += Buffer.byteLength(text);
    sink.write(text);
  };
  const logger = pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    { write },
  );

  const stores = logger.isLevelEnabled('info');
  let busySince: number | null = null;
  let quiet: NodeJS.Timeout | undefined;
  function wrote(): void {
    const now = Date.now();
    busySince ??= now;
    if (now - busySince >= latest) return flush();
    if (quiet === undefined) quiet = setTimeout(flush, idle);
    else if (now !== lastRefresh) quiet.refresh();
    lastRefresh = now;
  }
  let lastRefresh = 0;
  function flush(): void {
    clearTimeout(quiet);
    quiet = undefined;
    busySince = null;
    if (dropped > 0) {
      const lost = dropped;
      dropped = 0;
      logger.warn({ lost }, 'log lines were lost: their reader is too slow');
    }
    sink.flush();
  }

  return {
    event: (event) => {
      if (event.type === 'stored') {
        if (!stores) return;
        write(storedLine(event));
      } else if (!tell(logger, event)) return;
      wrote();
    },
    info: (message) => {
      logger.info(message);
      wrote();
    },
    warn: (message, about = {}) => {
      logger.warn(about, message);
      wrote();
    },
    error: (message, about = {}) => {
      logger.error(about, message);
      wrote();
    },
    close: () =>
      new Promise((resolve) => {
        flush();
        sink.once('close', resolve);
        sink.once('error', () => resolve());
        sink.end();
      }),
    closeSync: () => {
      clearTimeout(quiet);
      try {
        sink.flushSync();
      } catch {
        // Nobody reads the log any more.
      }
    },
  };
}

/**
 * The line of a stored file, as pino would write it. It is the one line that comes ten thousand times a second, and
 * pino puts its lines together from so many pieces that it costs a tenth of storing a small file.
 */
function storedLine(event: Extract<ServerEvent, { type: 'stored' }>): string {
  const { filename, size, crc32, durable, remote, connection } = event;
  const time = new Date().toISOString();
  const line = { level: 'info', time, filename, size, crc32, durable, remote, connection, msg: 'stored' };
  return `${JSON.stringify(line)}\n`;
}

/** Writes the line of any other event, if it has one. */
function tell(logger: Logger, event: ServerEvent): boolean {
  switch (event.type) {
    case 'refused': {
      const { cmd, filename, error, remote, connection } = event;
      logger.warn({ cmd, filename, error, remote, connection }, 'refused');
      return true;
    }
    case 'accept-failed':
      logger.error({ fault: event.fault }, 'a connection could not be accepted');
      return true;
    case 'bug':
      logger.error({ err: event.thrown, connection: event.connection }, 'a bug: the peer was told internal');
      return true;
    case 'closed':
      if (event.fault === null) return false;
      if (event.fault.code === 'unread') {
        logger.info(
          { remote: event.remote, connection: event.connection },
          'left without reading its replies',
        );
        return true;
      }
      logger.warn(
        { fault: event.fault, remote: event.remote, connection: event.connection },
        'a connection broke',
      );
      return true;
    default:
      return false;
  }
}
