/** Makes a decoder of a framing: frames that are delivered whole become messages, and streamed ones their pieces. */
import type { Decoded, DecodedMessage, Decoder, DecoderStep } from '../codec.ts';
import type { DeframeState } from '../deframe/deframe-state.ts';
import { finish, initialDeframeState, stepUpTo } from '../deframe/deframe-step.ts';
import type { FrameEvent, WholeFrame } from '../frame-event.ts';
import type { Framing } from '../framing.ts';
import { decodedMessage } from './message-fault.ts';

/** What a message is made of: the header and the body of a frame. */
export type ToMessage<H, In> = (header: H, body: Uint8Array) => In;

/**
 * Takes messages that lie whole in `chunk[at..)`, at most `most`, and adds them to `decoded`. Returns the offset behind
 * the last one. What it does not take, the framing does: a message in pieces, or one that is wrong.
 */
export type TakeWhole<In> = (
  chunk: Uint8Array,
  at: number,
  most: number,
  position: number,
  decoded: DecodedMessage<In>[],
) => number;

interface State<H> {
  readonly frames: DeframeState<H>;
  /** Whether the body that arrives is skipped: its pieces are of no message. */
  readonly skipping: boolean;
}

/**
 * @param toMessage makes the message of a whole frame. It throws a `MessageFault` when it cannot.
 * @param costOf the bytes of memory of a message; default the bytes of the body.
 * @param takeWhole finds messages that lie whole in a chunk, as most small ones do: a fifth of the cost of frame events.
 */
export function framingDecoder<H, In, Head = never>(
  framing: Framing<H>,
  toMessage: ToMessage<H, In>,
  costOf: (message: In, body: Uint8Array) => number = (_, body) => body.length,
  takeWhole: TakeWhole<In> | null = null,
): Decoder<In, Head, State<H>> {
  function decodedOf(
    events: readonly FrameEvent<H>[],
    skippingBefore: boolean,
    out: Decoded<In, Head>[],
  ): boolean {
    let skipping = skippingBefore;
    for (const event of events) {
      switch (event.type) {
        case 'frame':
          out.push(messageOf(event));
          break;
        case 'start':
          skipping = event.delivery === 'skip';
          if (!skipping)
            out.push({ type: 'start', head: event.header, length: event.length } as unknown as Decoded<
              In,
              Head
            >);
          break;
        case 'fault':
          out.push(event);
          break;
        default:
          // A skipped body has no `data`, and its `end` is of no message.
          if (!skipping) out.push(event as Decoded<In, Head>);
          else if (event.type === 'end') skipping = false;
      }
    }
    return skipping;
  }

  const messageOf = ({ header, body, position }: WholeFrame<H>) =>
    decodedMessage(
      () => toMessage(header, body),
      (message) => costOf(message, body),
      body,
      position,
    ) as Decoded<In, Head>;

  return {
    initial: (position) => ({ frames: { ...initialDeframeState<H>(), taken: position }, skipping: false }),
    step(state, chunk, from, most): DecoderStep<In, Head, State<H>> {
      const decoded: Decoded<In, Head>[] = [];
      let { frames, skipping } = state;
      let at = from;
      while (at < chunk.length && decoded.length < most) {
        if (takeWhole !== null && frames.part.phase === 'idle') {
          const { taken } = frames;
          const to = takeWhole(chunk, at, most, taken, decoded as DecodedMessage<In>[]);
          if (to > at) {
            frames = { taken: taken + to - at, part: frames.part };
            at = to;
            continue;
          }
        }
        const stepped = stepUpTo(framing, frames, chunk, at, most - decoded.length);
        skipping = decodedOf(stepped.events, skipping, decoded);
        frames = stepped.state;
        at = stepped.at;
      }
      return { state: { frames, skipping }, decoded, at };
    },
    finish({ frames, skipping }) {
      const decoded: Decoded<In, Head>[] = [];
      decodedOf(finish(framing, frames).events, skipping, decoded);
      return decoded;
    },
    held: ({ frames: { part } }) => ('held' in part ? part.held.room.bytes.length : 0),
    position: ({ frames }) => frames.taken,
  };
}
