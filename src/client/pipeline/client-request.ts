/**
 * One request as the commands of the client make it (what to send, and the callbacks for its answer), and as the frame
 * sender sees it.
 */
import type { UploadOffset } from '../../files/protocol/file.ts';
import type { Ack } from '../../files/protocol/reply.ts';
import type { JsonHeader } from '../../wire/json-header.ts';
import type { ClientFault } from '../client-fault.ts';
import type { Content } from '../content/content.ts';

/** Size and CRC-32 of a whole content, once its frame is complete: the bytes that the server had before count too. */
export interface SentContent {
  /** Bytes. */
  readonly size: number;
  /** CRC-32 (ISO-HDLC, as in zlib). */
  readonly crc32: number;
}

/**
 * A request. The pipeline ends it with exactly one of `done` and `failed`, unless it is cancelled before. It calls
 * none of the callbacks within `request` itself.
 */
export interface ClientRequest {
  /** Makes the header without its `id`. Called when the request's turn has come and its content is open. */
  readonly header: (content: Content | null) => JsonHeader;
  /** Opens the content when the request's turn has come. Absent: the request has no body. */
  readonly open?: () => Content | Promise<Content>;
  /** How much of the content the server has already: the body begins behind it. Default nothing. */
  readonly from?: UploadOffset;
  /** How many bytes of the content may be read from an offset on, at least 1. Absent: as many as there is room for. */
  readonly allowed?: (offset: number) => number | Promise<number>;
  /** The content was read up to this offset; its bytes up to there have this CRC-32. */
  readonly passed?: (offset: number, crc32: number) => void;
  /** The operating system has taken the content's bytes up to here. */
  readonly taken?: (bytes: number, total: number) => void;
  /** The frame is complete. */
  readonly sent?: (sent: SentContent) => void;
  /** The server reports its progress, perhaps while the frame is still being sent. Absent: it was not asked to. */
  readonly progressed?: (ack: Ack) => ClientFault | null;
  /** Takes the server's ack, which `body` bytes of a body follow. Answers the fault in it, or null. */
  readonly acked: (ack: Ack, sent: SentContent, body: number) => ClientFault | null;
  /** Bytes of the ack's body: a view that is valid during the call only. */
  readonly data?: (bytes: Uint8Array) => void;
  readonly done: () => void;
  readonly failed: (fault: ClientFault) => void;
}

/** A request as the sender sees it. */
export interface Outbound {
  readonly header: (content: Content | null) => JsonHeader;
  readonly open?: (() => Content | Promise<Content>) | undefined;
  /** How much of the content the peer has already: the body begins behind it. */
  readonly from?: UploadOffset | undefined;
  /** How many bytes of the content may be read from an offset on, at least 1. A promise settles when the put ends. */
  readonly allowed?: ((offset: number) => number | Promise<number>) | undefined;
  /** The content was read up to this offset; its bytes up to there have this CRC-32. */
  readonly passed?: ((offset: number, crc32: number) => void) | undefined;
  /** `refused`: the server has answered it already, with an error. */
  readonly status: () => 'wanted' | 'refused' | 'cancelled';
  /** Its first byte is in the write buffer: a reply may arrive from now on. */
  readonly begun: () => void;
  /** The sender has withdrawn the frame: no reply will arrive. */
  readonly withdrawn: () => void;
  readonly taken: (bytes: number, total: number) => void;
  readonly sent: (sent: SentContent) => void;
  /** The request cannot be sent. */
  readonly failed: (fault: ClientFault) => void;
}
