/** An upload under way, and the progress that it emits. */
import type { Subscriber, Subscription } from 'rxjs';
import type { Content } from '../content/content.ts';
import type { ContentSource } from '../content/hold-content.ts';
import type { SentContent } from '../pipeline/client-request.ts';
import type { ConnectionPool } from '../pool/connection-pool.ts';
import type { Job } from '../pool/pool-state.ts';
import type { PutSettings } from '../put.ts';
import type { TryEvent } from './resume-point.ts';
import type { ResumeState } from './resume-state.ts';
import { createSpeed, type Speed } from './speed.ts';
import type { Progress, Uploaded, UploadSettings } from './upload.ts';

export interface OnceContent {
  /** The same content, which no try closes. */
  readonly content: Content;
  /** A try has begun to read it. */
  isBegun: boolean;
  /** There would be another try, if it could be read again. */
  isSpent: boolean;
  readonly close: () => void;
}

export interface UploadState {
  readonly pool: ConnectionPool;
  readonly job: Job;
  readonly filename: string;
  readonly content: ContentSource;
  /** The content, if it can be read only once and is the same for all tries. */
  readonly once: OnceContent | null;
  readonly settings: UploadSettings;
  /** Those of `settings` that the put gets as they are. */
  readonly putSettings: PutSettings;
  readonly subscriber: Subscriber<Progress | Uploaded>;
  /** Bytes between two reports of durable bytes. */
  readonly progress: number;
  /** Bytes that may be sent beyond the last report; undefined for no bound. */
  readonly sendWindow: number | undefined;
  readonly isLarge: (content: Content) => boolean;
  /** Whether the server is to verify the content by its SHA-256. */
  readonly isVerified: boolean;
  /** The clock of the speed; undefined for the system's. */
  readonly now: (() => number) | undefined;
  /** Which try it is, from 1. */
  attempt: number;
  /** Bytes that this try did not have to send. */
  resumedFrom: number;
  /** Bytes that the server has reported as durable. */
  durable: number;
  /** The progress that was emitted last: bytes sent, and bytes of the content. */
  sentSoFar: number;
  size: number;
  /** The speed of this try; null before it has sent bytes. */
  speed: Speed | null;
  /** This try. */
  running: Subscription | null;
  /** Size and CRC-32 of the content, once this try has sent it completely. */
  sentNow: SentContent | null;
  /** Size and CRC-32 of content that an earlier try sent completely and got no answer for. */
  sentBefore: SentContent | null;
  /**
   * Tries of large content whose connection broke. What such a try had sent may reach the server after the next try has
   * begun, and take the upload over from it.
   */
  brokenTries: number;
  /** Tries that were taken over, and after which there was another one. */
  takenTries: number;
  /** The SHA-256 of small content, for the put. */
  sha256: string | undefined;
  /** The modification time of small content, as it was when it was opened. */
  openedMtime: number | undefined;
  /** The state that the tries of large content leave behind for one another. */
  resumeState: ResumeState | null;
}

export function onTryEvent(upload: UploadState, event: TryEvent): void {
  const { pool, job, subscriber, attempt } = upload;
  switch (event.type) {
    case 'progress':
      // Content that leaves in one write needs no speed.
      if (upload.speed === null && event.sent < event.total) {
        upload.speed = createSpeed(upload.now, event.sent);
      }
      upload.speed?.at(event.sent);
      return emitProgress(upload, event.sent, event.total);
    case 'resumed':
      // The server has more than it had reported: the last try has made progress.
      if (attempt > 1 && event.offset > upload.durable) pool.madeProgress(job);
      upload.resumedFrom = event.offset;
      upload.durable = event.offset;
      upload.speed = createSpeed(upload.now, event.offset);
      return emitProgress(upload, event.offset, event.total);
    case 'again':
      upload.attempt++;
      return;
    case 'durable':
      if (event.offset > upload.durable) pool.madeProgress(job);
      upload.durable = Math.max(upload.durable, event.offset);
      return emitProgress(upload, Math.max(upload.sentSoFar, upload.durable), upload.size);
    case 'stored': {
      pool.madeProgress(job);
      const { type, filename, size, crc32, durable } = event;
      return subscriber.next({
        type,
        filename,
        size,
        crc32,
        durable,
        attempt,
        resumedFrom: upload.resumedFrom,
      });
    }
  }
}

function emitProgress(upload: UploadState, sent: number, total: number): void {
  upload.sentSoFar = sent;
  upload.size = total;
  const { durable, speed, attempt, resumedFrom } = upload;
  upload.subscriber.next({
    type: 'progress',
    sent,
    durable,
    total,
    rate: speed?.rate() ?? 0,
    attempt,
    resumedFrom,
  });
}
