/** The codec of the file service: requests come in with their bodies in pieces, replies go out. */
import type { Codec } from '../../wire/codec.ts';
import { framingDecoder } from '../../wire/codecs/framing-decoder.ts';
import type { Framing } from '../../wire/framing.ts';
import { encodeJsonHeader, type JsonHeader } from '../../wire/json-header.ts';
import { serviceFault } from '../protocol/errors.ts';
import { isRefusal, type Refusal, type Reply } from '../protocol/reply.ts';

/** The most bytes of JSON in a reply: enough for a page of names, and for an error. */
const REPLY_HEADER_BYTES_MAX = 65_536;

/** An ack, and the bytes that follow it: as many as its `body` says. */
export class ReplyWithBody {
  readonly reply: Reply;
  readonly body: Uint8Array;

  constructor(reply: Reply, body: Uint8Array) {
    this.reply = reply;
    this.body = body;
  }
}

export type OutgoingReply = Reply | ReplyWithBody;

/** @param trimHeader returns the part of a header that is kept (see `Session.trimHeader`). */
export function requestCodec(
  framing: Framing<JsonHeader>,
  trimHeader: (header: JsonHeader) => JsonHeader,
): Codec<never, OutgoingReply, JsonHeader> {
  const trimming: Framing<JsonHeader> = {
    maxHead: framing.maxHead,
    maxWhole: framing.maxWhole,
    headLength: (bytes, start, end) => framing.headLength(bytes, start, end),
    parseHead: (bytes, start, end) => {
      const parsed = framing.parseHead(bytes, start, end);
      return 'code' in parsed ? parsed : { ...parsed, header: trimHeader(parsed.header) };
    },
  };
  return {
    decoder: framingDecoder<JsonHeader, never, JsonHeader>(trimming, () => {
      throw new Error('the framing of requests must deliver bodies as a stream');
    }),
    heldMax: framing.maxHead,
    encode: (reply) => (reply instanceof ReplyWithBody ? chunksOf(reply) : [replyBytes(reply)]),
  };
}

/** A reply that is too long is an error, which has no body. */
function chunksOf({ reply, body }: ReplyWithBody): readonly Uint8Array[] {
  const encoded = encodeReply(reply);
  if (!encoded.ok) return [errorBytes(reply, encoded.fault)];
  return body.length === 0 ? [encoded.bytes] : [encoded.bytes, body];
}

/** The bytes of a reply; of an error in its place when it has too many. */
function replyBytes(reply: Reply): Uint8Array {
  const encoded = encodeReply(reply);
  return encoded.ok ? encoded.bytes : errorBytes(reply, encoded.fault);
}

const encodeReply = (reply: Reply) =>
  encodeJsonHeader(reply as unknown as JsonHeader, REPLY_HEADER_BYTES_MAX);

/** What is sent in the place of a reply that cannot be: the error of its request, which its `id` says. */
function errorBytes(reply: Reply, { message }: { readonly message: string }): Uint8Array {
  const { id } = reply;
  const refusal: Refusal = {
    error: serviceFault('internal', message),
    ...(isRefusal(reply) ? {} : { cmd: reply.ack }),
    ...(id === undefined ? {} : { id }),
  };
  const refused = encodeReply(refusal);
  if (!refused.ok) throw new RangeError(refused.fault.message);
  return refused.bytes;
}
