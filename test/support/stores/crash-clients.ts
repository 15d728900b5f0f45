/** The clients of a crash run: each sends file after file, and sends again what was not acknowledged. */
import { crc32 } from 'node:zlib';
import { defer, first, firstValueFrom, from, lastValueFrom, mergeMap, tap } from 'rxjs';
import { bytesContent } from '../../../src/client/content/content.ts';
import { createUploads } from '../../../src/client/transfers/uploads.ts';
import { connectTcp } from '../../../src/transport/socket/tcp.ts';
import type { JsonHeader } from '../../../src/wire/json-header.ts';
import { frame, peer, putFrame } from '../network/peer.ts';
import { between } from '../random/seeded.ts';
import type { CrashRun } from './crash-run.ts';

type Peer = ReturnType<typeof peer>;

/** Attempts with a new connection each time, until the server does not break an attempt off. */
async function retryUntilDone(run: CrashRun, attempt: (peer: Peer) => Promise<boolean>): Promise<void> {
  for (;;) {
    const port = await run.port();
    const connection = await firstValueFrom(connectTcp({ host: '127.0.0.1', port })).catch(() => undefined);
    if (connection !== undefined) {
      try {
        if (await attempt(peer(connection))) return;
      } finally {
        connection.destroy();
      }
    }
    run.counts.broken += 1;
    // The server may be dead while this client still has its port.
    await new Promise(setImmediate);
  }
}

/**
 * Puts bursts of small files: to a few names again and again, and in each larger burst one to a new name,
 * which must not exist yet. Repeats what is not acknowledged of a burst until all of it is.
 */
export async function plainClient(run: CrashRun, client: number): Promise<void> {
  for (let burst = 0; !run.isEnding(); burst++) {
    const files = Array.from({ length: between(run.random, 1, run.burstMax) }, (_, i) => {
      const isNew = i === 3;
      const name = isNew ? `new/${client}-${burst}` : `plain-${client}/${(burst + i) % 9}`;
      const content = run.beginVersion(name, Math.floor(60_000 ** run.random()));
      return { name, content, isNew, isDone: false };
    });
    await retryUntilDone(run, async ({ send, replies }) => {
      const pending = files.filter(({ isDone }) => !isDone);
      const frames = pending.map(({ name, content, isNew }, id) =>
        putFrame(name, content, { id, ...(isNew ? { ifAbsent: true } : {}) }),
      );
      void send(...frames);
      for (const [i, file] of pending.entries()) {
        const reply = (await replies(i + 1))[i];
        if (reply === undefined) return false;
        run.noteProgress('answered');
        // An earlier attempt was committed, but its acknowledgement was lost.
        const isStored = file.isNew && codeOf(reply) === 'exists';
        if (reply.ack !== 'put' && !isStored) throw new Error(`refused: ${JSON.stringify(reply)}`);
        file.isDone = true;
        run.noteAcknowledged(file.name, file.content);
      }
      return true;
    });
  }
}

const codeOf = (reply: JsonHeader): unknown => (reply.error as { code?: string } | undefined)?.code;

/** Puts larger files as uploads, and resumes each where the server says that it was interrupted. */
export async function resumingClient(run: CrashRun, client: number): Promise<void> {
  for (let round = 0; !run.isEnding(); round++) {
    const name = `resumed-${client}/${round % 3}`;
    const content = run.beginVersion(name, between(run.random, 100_000, 1_500_000));
    const upload = `u-${client}-${round}`;
    const file: ResumedFile = { name, content, upload, bytes: { sent: 0, reported: 0 } };
    await retryUntilDone(run, (connected) => resumeAndPut(run, connected, file));
    run.noteAcknowledged(name, content);
  }
}

interface ResumedFile {
  readonly name: string;
  readonly content: Buffer;
  readonly upload: string;
  /** The most bytes that the client gave to the system, and the bytes that the server reported as durable. */
  readonly bytes: { sent: number; reported: number };
}

/**
 * The most bytes that are sent beyond those that the server has reported. So the server is killed before it
 * has all of the file.
 */
const UNREPORTED_BYTES_MAX = 200_000;

/** Returns false when the server breaks the connection. */
async function resumeAndPut(
  run: CrashRun,
  { send, replies, headers$ }: Peer,
  file: ResumedFile,
): Promise<boolean> {
  const { name, content, upload, bytes } = file;
  void send(frame({ cmd: 'resume', upload }));
  const [reply] = await replies(1);
  if (reply === undefined) return false;
  const offset = await checkResume(run, file, reply);
  const progress = headers$.subscribe(({ ack, offset }) => {
    run.noteProgress('answered');
    if (ack === 'progress') bytes.reported = Math.max(bytes.reported, offset as number);
  });
  const reportedUpTo = (at: number) =>
    headers$.pipe(first(() => at <= bytes.reported + UNREPORTED_BYTES_MAX, null));
  try {
    const header = { cmd: 'put', filename: name, filesize: content.length, upload, offset, id: 'put' };
    void send(frame({ ...header, crc32: crc32(content), progress: 50_000 }));
    for (let at = offset; at < content.length; ) {
      const piece = content.subarray(at, at + between(run.random, 1, 60_000));
      at += piece.length;
      bytes.sent = Math.max(bytes.sent, at);
      if ((await send(piece)) !== null) return false;
      run.noteProgress('sent');
      // The server does not report the last bytes, but acknowledges the put.
      if (at === content.length) break;
      const isAhead = at > Math.max(bytes.reported, offset) + UNREPORTED_BYTES_MAX;
      if (isAhead && (await firstValueFrom(reportedUpTo(at))) === null) return false;
    }
    const last = await putReply(headers$);
    if (last === undefined) return false;
    if (last.ack !== 'put') throw new Error(`refused: ${JSON.stringify(last)}`);
    return true;
  } finally {
    progress.unsubscribe();
  }
}

/**
 * The offset in the reply to `resume`. Throws unless the server has at least the bytes that it reported, at
 * most those that were sent, and these with the right checksum.
 */
async function checkResume(
  run: CrashRun,
  { name, content, bytes }: ResumedFile,
  reply: JsonHeader,
): Promise<number> {
  const { offset, crc32: checksum } = reply as unknown as { offset: number; crc32: number };
  // After a commit whose acknowledgement was lost, the server has nothing of the upload.
  const isStored = offset === 0 && (await run.isStored(name, content));
  if (offset > bytes.sent || (offset < bytes.reported && !isStored))
    throw new Error(`after ${bytes.reported} to ${bytes.sent} bytes came ${JSON.stringify(reply)}`);
  if (checksum !== crc32(content.subarray(0, offset)))
    throw new Error('the server has other bytes than were sent');
  // The file is sent once more, and earlier reports do not count any more.
  if (isStored) Object.assign(bytes, { sent: 0, reported: 0 });
  if (offset > 0) run.counts.resumed += 1;
  return offset;
}

/** The reply to the put itself; undefined when the connection ends before it. */
const putReply = (headers$: Peer['headers$']): Promise<JsonHeader | undefined> =>
  new Promise((resolve) => {
    headers$.subscribe({
      next: (header) => header.id === 'put' && header.ack !== 'progress' && resolve(header),
      complete: () => resolve(undefined),
    });
  });

/** Sends files of all sizes by the library's own uploads, four at a time over two connections. */
export async function libraryClient(run: CrashRun, client: number): Promise<void> {
  const uploads = createUploads({
    connect: () =>
      defer(() => from(run.port())).pipe(mergeMap((port) => connectTcp({ host: '127.0.0.1', port }))),
    parallel: 2,
    resumeThreshold: 100_000,
    progress: 50_000,
    // Several kills may follow one another without any progress between them.
    retries: 1000,
    backoff: { initial: 1, maximum: 5 },
  });
  const sendFiles = async (sender: number) => {
    for (let round = 0; !run.isEnding(); round++) {
      const name = `library-${client}/${sender}-${round % 5}`;
      const content = run.beginVersion(name, Math.floor(800_000 ** run.random()));
      const stored = await lastValueFrom(
        uploads.upload(name, () => bytesContent(content)).pipe(tap(() => run.noteProgress('sent'))),
      );
      run.noteProgress('answered');
      if (stored.type === 'stored' && stored.resumedFrom > 0) run.counts.resumed += 1;
      run.noteAcknowledged(name, content);
    }
  };
  try {
    await Promise.all([0, 1, 2, 3].map(sendFiles));
  } finally {
    uploads.destroy();
  }
}
