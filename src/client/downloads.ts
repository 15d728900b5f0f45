/** Downloads that go on: over connections that are made again when they break, from the byte that is due. */
import { firstValueFrom, Observable, type Subscriber, type Subscription } from 'rxjs';
import type { Client } from './client.ts';
import { type ClientFault, isClientFault } from './client-fault.ts';
import { crc32 as portableCrc32 } from './crc32.ts';
import type { Checksum } from './frame-sender.ts';
import type { Download } from './get.ts';
import { createJob, createLanes, type Job, type Lanes, type LanesOptions, type Retry } from './lanes.ts';

export type DownloadsOptions = LanesOptions;

/** A file as it was when some of it was received. */
export interface Version {
  readonly size: number;
  /** Milliseconds since 1970. */
  readonly mtime: number;
  /** CRC-32 of all of it, where the server has told. */
  readonly crc32?: number | undefined;
}

/** The beginning of a file that is at hand from an earlier time. */
export interface Had extends Version {
  /** Bytes of it. */
  readonly offset: number;
  /** CRC-32 of those. */
  readonly crc32Before: number;
}

export type DownloadEvent =
  /**
   * The content follows, from `offset` on. Emitted once more, with offset 0, when what came before is not to be used:
   * the file was replaced meanwhile, or was not what the server says it is.
   */
  | {
      readonly type: 'begin';
      readonly filename: string;
      readonly version: Version;
      readonly offset: number;
      /** Stops `bytes` after at most 128 KiB, and with them every reply on that connection, until `resume`. */
      readonly pause: () => void;
      readonly resume: () => void;
    }
  /** The next bytes: a view that may be kept. */
  | { readonly type: 'bytes'; readonly bytes: Uint8Array }
  /** All has come. The last event. */
  | {
      readonly type: 'received';
      readonly filename: string;
      readonly version: Version;
      /** CRC-32 of what came. */
      readonly crc32: number;
      /** Whether the server has told the CRC-32, and it is the same. */
      readonly verified: boolean;
    };

export interface Downloads {
  /**
   * Fetches a file. Each subscription is one download: emits `begin`, its `bytes` in order, and `received`.
   *
   * When a connection breaks the rest is fetched over the next one, if the file is the same by size, modification time
   * and, where it is told, CRC-32. Else all of it is, after another `begin`. What has been received is checked against
   * the CRC-32 that the server tells, where it does; when that is wrong the file is fetched once more from the start,
   * and when it is wrong again the download errors with `mismatch`.
   *
   * Errors with the last `ClientFault` when `retries` further tries have brought nothing, and at once when trying again
   * would not help. Unsubscribing lets what the server is sending already arrive, and drops it.
   *
   * @param had what is at hand already: only the rest is fetched if the file is still that.
   */
  readonly download: (filename: string, had?: Had) => Observable<DownloadEvent>;
  /**
   * Asks something else over one of the connections, and emits the answer. Asked from the start again when a connection
   * breaks, so it should change nothing.
   *
   * @example downloads.ask((client) => lastValueFrom(client.list().pipe(toArray())))
   */
  readonly ask: <T>(question: (client: Client) => Promise<T>) => Observable<T>;
  /** Emits whenever something failed that will be tried again. */
  readonly retries$: Observable<Retry>;
  /** Ends the connections in good order once there is nothing to do. Until then they stay, and keep a process alive. */
  readonly end: () => void;
  /** Drops the connections; what is under way errors. */
  readonly destroy: () => void;
}

/**
 * Makes downloads that share up to `parallel` connections, which are made when they are needed. Nothing of a content is
 * held: what is not taken is not read, since the connection is paused with `pause`.
 *
 * @example
 * const downloads = createDownloads({ connect: () => connectTcp({ host, port }) });
 * downloads.download('a.txt').subscribe((event) => event.type === 'bytes' && console.log(event.bytes.length));
 */
export function createDownloads(options: DownloadsOptions): Downloads {
  const lanes = createLanes(options);
  const { crc32 = portableCrc32, retries = 5 } = options;
  return {
    download: (filename, had) =>
      new Observable((subscriber) => beginDownload({ lanes, crc32, retries, filename, had, subscriber })),
    ask: (question) => new Observable((subscriber) => beginAsking(lanes, question, subscriber)),
    retries$: lanes.retries$,
    end: lanes.end,
    destroy: lanes.destroy,
  };
}

interface Wish {
  readonly lanes: Lanes;
  readonly crc32: Checksum;
  readonly retries: number;
  readonly filename: string;
  readonly had: Had | undefined;
  readonly subscriber: Subscriber<DownloadEvent>;
}

function beginDownload({ lanes, crc32, retries, filename, had, subscriber }: Wish): () => void {
  let version: Version | null = had ?? null;
  let received = had?.offset ?? 0;
  let crc = had?.crc32Before ?? 0;
  /** Whether what comes next has been announced. */
  let announced = false;
  let restarts = 0;
  let mismatches = 0;
  let paused = false;
  let current: Download | null = null;
  let running: Subscription | null = null;

  const job: Job = createJob(
    (client) => {
      if (received === 0) fetch(client);
      else check(client);
    },
    (fault) => subscriber.error(fault),
    false,
  );

  /** Asks whether the file is still the same, so that not all of another one is sent for nothing. */
  function check(client: Client): void {
    firstValueFrom(client.stat(filename)).then(
      (found) => {
        if (job.over) return;
        if (!isSame(found)) forget();
        if (job.over) return;
        if (version !== null && received === version.size) {
          announce();
          finish();
        } else fetch(client);
      },
      (fault: ClientFault) => lanes.failed(job, fault),
    );
  }

  function fetch(client: Client): void {
    let begun = false;
    const asking = client.get(filename, received > 0 ? { offset: received } : {}).subscribe({
      next: (download) => {
        begun = true;
        receive(download);
      },
      error: (fault: ClientFault) => {
        if (!begun) lanes.failed(job, fault);
      },
    });
    running = asking;
  }

  function receive(download: Download): void {
    const { size, mtime, offset, length, bytes$, crc32 } = download;
    const now: Version = { size, mtime, crc32 };
    if (offset !== received || length !== size - offset) {
      return again(download, {
        type: 'mismatch',
        message: `the server sends ${length} bytes from ${offset} on, of ${size} from ${received} on`,
      });
    }
    if (offset > 0 && !isSame(now)) {
      forget();
      return again(download, null);
    }
    if (!isSame(now)) announced = false;
    // What was told before is kept: the CRC-32 may be known at one time and not at another.
    version = { size, mtime, crc32: crc32 ?? (offset > 0 ? version?.crc32 : undefined) };
    current = download;
    announce();
    running?.add(
      bytes$.subscribe({
        next: take,
        error: (fault: ClientFault) => {
          current = null;
          lanes.failed(job, fault);
        },
        complete: () => {
          current = null;
          finish();
        },
      }),
    );
    if (paused) download.pause();
  }

  function take(bytes: Uint8Array): void {
    received += bytes.length;
    crc = crc32(bytes, crc);
    lanes.achieved(job);
    subscriber.next({ type: 'bytes', bytes });
  }

  /** What arrives is of no use. */
  function again({ bytes$ }: Download, fault: ClientFault | null): void {
    bytes$.subscribe({ error: () => {} }).unsubscribe();
    if (fault !== null) return fail(fault);
    lanes.again(job);
  }

  function fail(fault: ClientFault): void {
    subscriber.error(fault);
    lanes.done(job);
  }

  function isSame({ size, mtime, crc32 }: Version): boolean {
    const told = crc32 === undefined || version?.crc32 === undefined || crc32 === version.crc32;
    return size === version?.size && mtime === version.mtime && told;
  }

  function forget(): void {
    version = null;
    received = 0;
    crc = 0;
    announced = false;
    restarts++;
    if (restarts > retries + 1) fail({ type: 'mismatch', message: 'the file changes again and again' });
  }

  function announce(): void {
    if (announced || version === null) return;
    announced = true;
    subscriber.next({ type: 'begin', filename, version, offset: received, pause, resume });
  }

  function finish(): void {
    const { crc32 } = version!;
    if (crc32 === undefined || crc32 === crc) {
      subscriber.next({ type: 'received', filename, version: version!, crc32: crc, verified: crc32 === crc });
      lanes.done(job);
      return subscriber.complete();
    }
    if (++mismatches > 1) {
      const hex = (value: number) => value.toString(16).padStart(8, '0');
      return fail({
        type: 'mismatch',
        message: `what came has the CRC-32 ${hex(crc)}, and the server's file ${hex(crc32)}`,
      });
    }
    forget();
    lanes.again(job);
  }

  const pause = () => {
    paused = true;
    current?.pause();
  };
  const resume = () => {
    paused = false;
    current?.resume();
  };

  lanes.add(job);
  return () => {
    running?.unsubscribe();
    lanes.done(job);
  };
}

function beginAsking<T>(
  lanes: Lanes,
  question: (client: Client) => Promise<T>,
  subscriber: Subscriber<T>,
): () => void {
  const job: Job = createJob(
    (client) => {
      question(client).then(
        (answer) => {
          if (job.over) return;
          lanes.achieved(job);
          lanes.done(job);
          subscriber.next(answer);
          subscriber.complete();
        },
        (thrown: unknown) => {
          if (isClientFault(thrown)) return lanes.failed(job, thrown);
          lanes.done(job);
          subscriber.error(thrown);
        },
      );
    },
    (fault) => subscriber.error(fault),
    false,
  );
  lanes.add(job);
  return () => lanes.done(job);
}
