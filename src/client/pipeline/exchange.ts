/** One request and its answer, as the conversation sees them: what to send, and whom to tell. */
import type { UploadOffset } from '../../files/protocol/file.ts';
import type { Ack } from '../../files/protocol/reply.ts';
import type { JsonHeader } from '../../wire/json-header.ts';
import type { ClientFault } from '../client-fault.ts';
import type { Content } from '../content/content.ts';

/** What was sent of a body, with what the server had of the content before. */
export interface SentContent {
  readonly size: number;
  readonly crc32: number;
}

/**
 * A request. It ends with exactly one of `done` and `failed`, unless it is cancelled before. Nothing of it is
 * called within `request` itself.
 */
export interface ClientRequest {
  /** The header without its `id`, asked for when its turn has come and its content is open. */
  readonly header: (content: Content | null) => JsonHeader;
  /** Opens the body when its turn has come; absent when there is none. */
  readonly open?: () => Content | Promise<Content>;
  /** What the server has of the content already: the body begins behind it. Default nothing. */
  readonly from?: UploadOffset;
  /** So many bytes of the content were read, and have this CRC-32. */
  readonly passed?: (offset: number, crc32: number) => void;
  /** So many bytes of the body are the operating system's. */
  readonly taken?: (bytes: number, total: number) => void;
  /** The frame is complete. */
  readonly sent?: (sent: SentContent) => void;
  /** The server tells how far it is, perhaps while the frame is still being sent. Absent: it was not asked to. */
  readonly progressed?: (ack: Ack) => ClientFault | null;
  /** The server's ack, with how many bytes of body follow. Answers what is wrong with it, or null. */
  readonly acked: (ack: Ack, sent: SentContent, body: number) => ClientFault | null;
  /** Bytes of the ack's body: a view, for now only. */
  readonly data?: (bytes: Uint8Array) => void;
  readonly done: () => void;
  readonly failed: (fault: ClientFault) => void;
}
