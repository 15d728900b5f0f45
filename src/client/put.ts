/** `put`: sends content, and completes when the server has acknowledged exactly that content. */

import { Observable } from 'rxjs';
import { hexDigits } from '../base/bytes.ts';
import type { UploadOffset } from '../files/protocol/file.ts';
import type { Ack, PutAck } from '../files/protocol/reply.ts';
import { ANYTHING, check, checkOptions, optional, RECORD, type RulesFor, TEXT } from '../wire/argument.ts';
import type { JsonHeader } from '../wire/json-header.ts';
import { ClientError, type ClientFault } from './client-fault.ts';
import type { Content } from './content/content.ts';
import { type ContentSource, checkSource, holdContent } from './content/hold-content.ts';
import type { SentContent } from './pipeline/client-request.ts';
import type { RequestPipeline } from './pipeline/request-pipeline.ts';

/** The settings that `Client.put` sends along with the content. All may be left out. */
export interface PutSettings {
  /** The modification time to give the file, in milliseconds since 1970; absent: that of the content, else now. */
  readonly mtime?: number;
  /** Whether to refuse with `exists` if there is a file of that name; default false: it is replaced. */
  readonly ifAbsent?: boolean;
  /**
   * A name for the upload, 1 to 64 of `A-Z a-z 0-9 _ -`. With it the server keeps the bytes that have arrived when the
   * connection breaks, and `client.resume` emits how many they are. Default none: the server keeps nothing.
   */
  readonly upload?: string;
  /**
   * How much the server has already, as `resume` emitted it: only the bytes behind that are read and sent. You check by
   * the CRC-32 that the server's bytes are the first of this content. Needs `upload`; default nothing.
   */
  readonly resumeAt?: UploadOffset;
  /** Asks the server for a `durable` event after about every so many bytes, from 1; default it is not asked. */
  readonly progress?: number;
  /**
   * The SHA-256 of the whole content, 64 hexadecimal digits: it is stored only if it is that, and else refused with
   * `sha256-mismatch`. Default it is not compared.
   */
  readonly sha256?: string;
}

/** Callbacks that only the rest of this library needs. */
export interface PutHooks {
  /**
   * Called before the content is read from an offset on; answers how many bytes may be read, at least 1, or a promise of
   * that, which must settle when the put ends.
   */
  readonly allowed?: (offset: number) => number | Promise<number>;
  /** Called when the content was read up to this offset; its bytes up to there have this CRC-32. */
  readonly passed?: (offset: number, crc32: number) => void;
  /** Called when the frame is complete: from now on the server may store it although no answer arrives. */
  readonly sent?: (sent: SentContent) => void;
  /** Called when the content is open; answers the SHA-256 to send along. */
  readonly sha256?: () => string | undefined;
}

/**
 * `Client.put` emits these events.
 *
 * - `progress`: the operating system has taken `sent` of `total` bytes of the content.
 * - `durable`: the server has the bytes up to `offset` durably: with an `upload`, they need never be sent again.
 * - `stored`: the server has stored the content as it was sent; when `durable`, on its disk. `size` is in bytes. The
 *   last event.
 */
export type PutEvent =
  | { readonly type: 'progress'; readonly sent: number; readonly total: number }
  | { readonly type: 'durable'; readonly offset: number }
  | {
      readonly type: 'stored';
      readonly filename: string;
      readonly size: number;
      readonly crc32: number;
      readonly durable: boolean;
    };

/** Compared by hand, as the ack of a `get` is: with small files a pattern costs more than all else. */
const isPutAck = (ack: Ack): ack is PutAck =>
  ack.ack === 'put' &&
  typeof ack.filename === 'string' &&
  typeof ack.size === 'number' &&
  typeof ack.crc32 === 'number' &&
  typeof ack.durable === 'boolean';

/** The server says what it does not take. */
const PUT_RULES: RulesFor<PutSettings> = {
  mtime: ANYTHING,
  ifAbsent: ANYTHING,
  upload: ANYTHING,
  resumeAt: optional(RECORD),
  progress: ANYTHING,
  sha256: ANYTHING,
};

export function put(
  pipeline: RequestPipeline,
  filename: string,
  content: ContentSource,
  settings: PutSettings = {},
  hooks: PutHooks = {},
): Observable<PutEvent> {
  check('put: the filename', filename, TEXT);
  checkSource(content);
  checkOptions('put', settings, PUT_RULES);
  const { resumeAt, progress } = settings;
  const { allowed, passed, sent } = hooks;
  return new Observable((subscriber) => {
    const { open, giveUp } = holdContent(content);
    const cancel = pipeline.request({
      header: (content) => headerOf(filename, content, settings, hooks.sha256?.()),
      open,
      ...(resumeAt === undefined ? {} : { from: resumeAt }),
      ...(allowed === undefined ? {} : { allowed }),
      ...(passed === undefined ? {} : { passed }),
      ...(sent === undefined ? {} : { sent }),
      ...(progress === undefined
        ? {}
        : {
            progressed: (ack) => {
              const { offset } = ack;
              if (typeof offset !== 'number')
                return { code: 'protocol', message: 'its progress has no offset' };
              subscriber.next({ type: 'durable', offset });
              return null;
            },
          }),
      taken: (sent, total) => subscriber.next({ type: 'progress', sent, total }),
      acked: (ack, sent) => {
        if (!isPutAck(ack)) {
          const message = `the server's answer to a put of ${filename} is not an ack of one`;
          return { code: 'protocol', message };
        }
        const fault = differenceFault(ack, filename, sent);
        if (fault !== null) return fault;
        const { size, crc32, durable } = ack;
        subscriber.next({ type: 'stored', filename, size, crc32, durable });
        return null;
      },
      done: () => subscriber.complete(),
      failed: (fault) => subscriber.error(new ClientError(fault)),
    });
    return () => {
      cancel();
      giveUp();
    };
  });
}

function headerOf(
  filename: string,
  content: Content | null,
  settings: PutSettings,
  hashed: string | undefined,
): JsonHeader {
  const { mtime = content?.mtime, ifAbsent, upload, resumeAt, progress, sha256 = hashed } = settings;
  const header: Record<string, unknown> = { cmd: 'put', filename, filesize: content?.size ?? 0 };
  if (mtime !== undefined) header.mtime = mtime;
  if (ifAbsent) header.ifAbsent = true;
  if (upload !== undefined) header.upload = upload;
  if (resumeAt !== undefined) header.offset = resumeAt.offset;
  if (progress !== undefined) header.progress = progress;
  if (sha256 !== undefined) header.sha256 = sha256;
  return header;
}

/** The fault of an ack that is not about what was sent. */
function differenceFault(ack: PutAck, filename: string, sent: SentContent): ClientFault | null {
  if (ack.filename !== filename) {
    return { code: 'mismatch', message: `the server stored it under another name: ${ack.filename}` };
  }
  if (ack.size !== sent.size) {
    return { code: 'mismatch', message: `the server stored ${ack.size} bytes, and ${sent.size} were sent` };
  }
  if (ack.crc32 !== sent.crc32) {
    const [got, ours] = [hexDigits(ack.crc32, 8), hexDigits(sent.crc32, 8)];
    const message = `the server stored content with CRC-32 ${got}, and ${ours} was sent`;
    return { code: 'mismatch', message };
  }
  return null;
}
