/** A codec as the framing of a comparison: each message is a frame, and the message is its header. */
import type { Codec, Decoded, DecodedFault } from '../wire/codec.ts';
import type { HeadFault } from '../wire/fault.ts';
import { headFault } from '../wire/fault.ts';
import type { Framing } from '../wire/framing.ts';

// biome-ignore lint/suspicious/noExplicitAny: the messages are compared as values, whatever they are.
export type AnyCodec = Codec<any, any, any>;
type Found = Decoded<unknown, unknown>;

/** Bytes by which a head may be longer than what the decoder keeps of an incomplete message. */
const SLACK_BYTES = 1024;

/**
 * Makes the framing of one stream. Unlike other framings it has state, so that each byte is decoded once, however many
 * chunks a message comes in.
 */
export function codecFraming({ decoder, heldMax }: AnyCodec): Framing<unknown> {
  let state: unknown = decoder.initial(0);
  /** Bytes of the message at hand that were decoded. */
  let fed = 0;
  let found: Found | null = null;

  return {
    maxHead: heldMax + SLACK_BYTES,
    maxWhole: 0,
    headLength(bytes, start, end) {
      const step = decoder.step(state, bytes.subarray(start + fed, end), 0, 1);
      const [first] = step.decoded as readonly Found[];
      fed += step.at;
      if (first === undefined) {
        state = step.state;
        return fed + 1;
      }
      if (first.type === 'fault' && isLost(first)) return headFaultOf(first);
      found = first;
      return fed;
    },
    parseHead() {
      const parsed = parsedHead(found!);
      state = decoder.initial(0);
      fed = 0;
      found = null;
      return parsed;
    },
  };
}

/** Whether the next message cannot be found: the decoder would have to skip bytes, or has given up. */
const isLost = ({ fault }: DecodedFault): boolean => fault.fatal || fault.code === 'body-too-large';

const headFaultOf = ({ fault: { code, message, declared, limit } }: DecodedFault): HeadFault =>
  headFault(code, message, declared, limit);

function parsedHead(found: Found) {
  switch (found.type) {
    case 'start':
      return { header: headerOf(found.head), length: found.length, delivery: 'stream' } as const;
    case 'message':
      return { header: headerOf(found.message), length: 0, delivery: 'stream' } as const;
    case 'fault':
      return { header: { fault: found.fault.code }, length: 0, delivery: 'stream' } as const;
    default:
      return headFault('header-invalid', 'a body without a head');
  }
}

/** A value that has no fields becomes one, so that a difference in it has a name. */
const headerOf = (message: unknown): unknown =>
  typeof message === 'object' &&
  message !== null &&
  !(message instanceof Uint8Array) &&
  !Array.isArray(message)
    ? message
    : { message };
