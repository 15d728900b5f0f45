/**
 * Frames replies in protocols where the request decides how its reply is framed: a framing for each of the two compared
 * sides, and a count of the requests that it depends on.
 *
 * ```text
 *  sent ──▶ deframe ──▶ asks ────────────┐
 *  replies of a side ──▶ deframe ──▶ answers ──▶ asks > answers: the next may be an answer
 * ```
 */
import { checkFields, FUNCTION } from '../../wire/argument.ts';
import { initialDeframeState, step } from '../../wire/deframe/deframe-step.ts';
import type { Framing } from '../../wire/framing.ts';
import type { Preset } from '../../wire/preset.ts';
import type { AskedReplies, Replies } from './replies.ts';

export interface RequestTracker<H> {
  /** The next bytes that the client sends. */
  readonly sent: (bytes: Uint8Array) => void;
  /** How one side's replies are framed; each side has its own state. */
  readonly sideReplies: () => Replies<H> | null;
}

export function createRequestTracker<H>(replies: Replies<H> | null): RequestTracker<H> {
  const asked = replies?.asked;
  if (replies === null || asked === undefined) return { sent: () => {}, sideReplies: () => own(replies) };
  let state = initialDeframeState<unknown>();
  let asks = 0;

  function sideFraming({ framing, answers }: AskedReplies<H>): Framing<H> {
    let answered = 0;
    const inner = framing(() => asks > answered);
    return {
      ...inner,
      parseHead(bytes, start, end) {
        const opened = inner.parseHead(bytes, start, end);
        if (!('code' in opened) && answers(opened.header)) answered++;
        return opened;
      },
    };
  }

  return {
    sent(bytes) {
      const stepped = step(asked.requests, state, bytes);
      state = stepped.state;
      for (const event of stepped.events) {
        if ((event.type === 'start' || event.type === 'frame') && asked.asks(event.header)) asks++;
      }
    },
    sideReplies: () => ({ ...replies, framing: sideFraming(asked) }),
  };
}

/** Replies with a framing of their own, where that has state. */
function own<H>(replies: Replies<H> | null): Replies<H> | null {
  const framing = replies?.createFraming?.();
  return replies === null || framing === undefined ? replies : { ...replies, framing };
}

/**
 * How the replies of a preset's protocol are framed, for `replayTo`: also where the framing depends on the requests.
 *
 * @throws TypeError when it is given no preset.
 * @example
 * const connect = () => connectTcp({ host: '127.0.0.1', port: 5432 });
 * replayTo(captureFile('trace.pcap'), connect, { replies: presetReplies(presets.postgresql) }).subscribe({
 *   next: ({ conversation, same }) => console.log(conversation.index, same),
 *   error: (error) => console.error(error.message),
 * });
 */
export function presetReplies(preset: Preset): Replies<unknown> {
  checkFields('presetReplies', preset, { framing: FUNCTION, label: FUNCTION });
  const delivery = 'stream';
  const framing = preset.framing({ delivery });
  if (preset.looksAhead === undefined) return { framing };
  const { asks, answers } = preset.looksAhead;
  const asked: AskedReplies<unknown> = {
    requests: preset.framing({ side: 'client' }),
    asks,
    answers,
    framing: (asked) => preset.framing({ delivery, side: 'server', asked }),
  };
  return { framing, asked };
}
