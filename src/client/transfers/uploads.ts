/** Uploads that survive broken connections: each goes on from the offset that the server states. */
import { Observable } from 'rxjs';
import {
  check,
  checkOptions,
  FLAG,
  numberFrom,
  oneOf,
  optional,
  type RulesFor,
  TEXT,
  wholeFrom,
} from '../../wire/argument.ts';
import { type ContentSource, checkSource } from '../content/hold-content.ts';
import { createConnectionPool } from '../pool/connection-pool.ts';
import { CONNECTION_POOL_RULES, type Retry } from '../pool/pool-options.ts';
import { cancelUpload } from './cancel-upload.ts';
import {
  PROGRESS_BYTES,
  type Progress,
  type Uploaded,
  type UploadSettings,
  type UploadsOptions,
} from './upload.ts';
import { beginUpload, VERIFY_READS_TWICE } from './upload-job.ts';

const UPLOADS_RULES: RulesFor<UploadsOptions> = {
  ...CONNECTION_POOL_RULES,
  resumeThreshold: optional(numberFrom(0)),
  progress: optional(wholeFrom(1)),
  sendWindow: optional(wholeFrom(1)),
};

/** Made once: an upload of a small file costs little more than its checks. */
const UPLOAD_RULES: RulesFor<UploadSettings> = {
  upload: optional(TEXT),
  verify: optional(oneOf('sha256')),
  sha256: optional(TEXT),
  source: optional(TEXT),
  resume: optional(FLAG),
  mtime: optional(wholeFrom(Number.MIN_SAFE_INTEGER)),
  ifAbsent: optional(FLAG),
};

/** Uploads that survive broken connections: what `createUploads` returns. */
export interface Uploads {
  /**
   * Stores content under a name. Each subscription is one upload: emits `progress`, then `stored` when the server has
   * acknowledged just this content by size and CRC-32, and completes.
   *
   * Small content is sent without waiting for earlier answers. For content of `resumeThreshold` bytes and more the
   * client first asks what the server has, for two contents at a time on a connection. Bytes that the server has are
   * not sent again if their CRC-32 is that of the content's own first bytes; a source that has changed is sent from the
   * start.
   *
   * The upload is tried again after a while when that may help: after a connection that broke or could not be made, a
   * server that does not answer, a refusal that is about the moment. It errors with the last `ClientError` when
   * `retries` further tries have made no progress, and at once when another try would not help.
   *
   * Content that can be read only once (`streamContent`) is sent whole or not at all: it is tried again only while
   * nothing was read of it. A function that opens a new stream for each try has it sent again from its start.
   *
   * Unsubscribing gives it up at any time: no more of it is sent. The server keeps its bytes for a later try. An upload
   * given up in the middle of its body costs its connection; the other uploads on that connection go on with another.
   */
  readonly upload: (
    filename: string,
    content: ContentSource,
    settings?: UploadSettings,
  ) => Observable<Progress | Uploaded>;
  /**
   * Has the server drop what it keeps of an upload, by the upload's name (`UploadSettings.upload`), and completes; also
   * when the server has nothing of it. It is tried again as an upload is. To be made once the upload was given up.
   */
  readonly cancel: (upload: string) => Observable<never>;
  /** Emits each failure after which there will be another try. */
  readonly retries$: Observable<Retry>;
  /** Ends the connections in good order once nothing is left to do. Until then they stay, and keep a process alive. */
  readonly end: () => void;
  /** Drops the connections; every unfinished upload errors. */
  readonly destroy: () => void;
}

/**
 * Makes uploads that share up to `parallel` connections, which are made when they are needed.
 *
 * Memory: 1 MiB of bodies a connection; 1 MiB for each of its two large contents while they are compared with the
 * server's bytes; 64 checksums a large upload; a small object for each subscription.
 *
 * @example
 * const uploads = createUploads({ connect: () => connectTcp({ host: '192.0.2.7', port: 8080 }) });
 * uploads.upload('film.mkv', () => fileContent('film.mkv')).subscribe({
 *   next: (event) => console.log(event.type === 'progress' ? event.durable / event.total : event.crc32),
 *   error: (error) => console.log(error.message),
 *   complete: () => uploads.end(),
 * });
 */
export function createUploads(options: UploadsOptions): Uploads {
  checkOptions('createUploads', options, UPLOADS_RULES);
  const { progress = PROGRESS_BYTES, sendWindow = Number.POSITIVE_INFINITY } = options;
  if (sendWindow < progress)
    throw new RangeError(`createUploads: sendWindow (${sendWindow}) is less than progress (${progress})`);
  const pool = createConnectionPool(options);
  return {
    upload: (filename, content, settings = {}) => {
      check('upload: the filename', filename, TEXT);
      checkSource(content);
      checkOptions('upload', settings, UPLOAD_RULES);
      if (settings.verify !== undefined && typeof content !== 'function' && content.readOnce)
        throw new TypeError(`upload: ${VERIFY_READS_TWICE}`);
      if (settings.verify !== undefined && settings.sha256 !== undefined)
        throw new TypeError('upload: verify computes the SHA-256, so sha256 is not given as well');
      return new Observable((subscriber) =>
        beginUpload({ pool, options, filename, content, settings, subscriber }),
      );
    },
    cancel: (upload) => {
      check('cancel: the upload', upload, TEXT);
      return cancelUpload(pool, upload);
    },
    retries$: pool.retries$,
    end: pool.end,
    destroy: pool.destroy,
  };
}
