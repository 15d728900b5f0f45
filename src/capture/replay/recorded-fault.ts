/** The faults of recorded connections, in the form of connection faults. */
import type { Address, ConnectionFault } from '../../transport/connection.ts';
import { otherSide } from '../other-side.ts';
import type {
  CloseReason,
  Conversation,
  ConversationClose,
  GapReason,
  Side,
  StreamGap,
  StreamReset,
} from '../stream-event.ts';

const reasons: Readonly<Record<GapReason, string>> = {
  lost: 'no packet has them',
  snapped: 'their packet was cut by the snap length',
  limit: 'too much waits behind them',
};

/** Bytes are missing: what is behind them cannot be understood without them. */
export const incomplete = ({ conversation, from, position, length, reason }: StreamGap): ConnectionFault => ({
  code: 'incomplete',
  message: `${length} bytes that ${conversation[from]} sent are missing in the recording after the first ${position}: ${reasons[reason]}`,
});

/** A RST. @param side the end of the connection that gets the fault. */
export const resetIn = ({ conversation, from }: StreamReset, side: Side): ConnectionFault => ({
  code: 'reset',
  message: `${conversation[from]} reset the connection${from === side ? ', which is the side that is replayed here' : ''}`,
});

const endings: Readonly<Record<CloseReason, string>> = {
  ended: 'the connection is over',
  reset: 'the connection was reset',
  reused: 'another connection has the same addresses and ports from there on',
  evicted: 'too many connections were open at once, and this one was silent for the longest',
  unfinished: 'the recording ends before the connection does',
};

/** The recording ended before the peer did. @param side the end of the connection that gets the fault. */
export function unfinished(
  conversation: Conversation,
  side: Side,
  { reason, totals }: ConversationClose,
): ConnectionFault {
  const from = otherSide[side];
  const peer: Address = conversation[from];
  const { bytes } = totals[from];
  return { code: 'incomplete', message: `${endings[reason]}, after ${bytes} bytes that ${peer} sent` };
}
