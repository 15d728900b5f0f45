/**
 * Decides what a RST did to its conversation. `resets.ts` says what it may mean.
 */
import { copySegment, type Segment, TCP_RST } from '../segment.ts';
import { keepAfterReset, removeReset } from './after-reset.ts';
import type { SharedState } from './deliver.ts';
import type { ResetDecisions } from './event-order.ts';
import { emitIgnored } from './ignored.ts';
import { bothEnded, type Lifecycle } from './lifecycle.ts';
import { GATHERED_PACKETS_MAX, gatherLimitsOf } from './reassembly-options.ts';
import { bringsNew, lookForLife, placeOf, showsLife } from './resets.ts';
import { forgetShown } from './sequencing.ts';
import type { Direction, Emit, TcpConversation } from './tcp-conversation.ts';
import { isUnanswered } from './window.ts';

export interface ResetWatch {
  /** Takes a RST. */
  take(direction: Direction, segment: Segment, emit: Emit): void;
  /** Looks at a segment before it is taken: new bytes show that the RST before them ended nothing. */
  look(direction: Direction, segment: Segment, emit: Emit): void;
  /**
   * Keeps a segment that came behind an accepted RST. Takes all of them again once they show that the conversation goes
   * on, and closes the conversation when too much waits.
   */
  keep(direction: Direction, segment: Segment, emit: Emit): void;
}

/** @param takeAgain is called with each segment that waited. */
export function createResetWatch(
  { pendingResets, settle, close }: Lifecycle,
  shared: SharedState,
  decisions: ResetDecisions | undefined,
  takeAgain: (segment: Segment, emit: Emit) => void,
): ResetWatch {
  const limits = gatherLimitsOf(shared.limits);

  function take(direction: Direction, segment: Segment, emit: Emit): void {
    const { tcp, peer } = direction;
    const place = placeOf(direction, segment);
    const isAccepted = place === 'next' || place === 'hole';
    // The RST answers an acknowledgement of something else than the SYN: the peer's segments are of an older connection.
    if (!isAccepted && isUnanswered(direction)) forgetShown(peer, shared, emit);
    if (place === 'outside' || place === 'unasked') emitIgnored(direction, place, segment, emit);
    else {
      if (tcp.reset !== null) ignoreInside(tcp, emit);
      tcp.reset = {
        sender: direction,
        segment: copySegment(segment, 0),
        accepted: isAccepted,
        after: [],
        bytes: 0,
      };
      pendingResets.add(tcp);
    }
    if (isAccepted || tcp.packets >= GATHERED_PACKETS_MAX) settle(tcp, emit);
    if (!isAccepted) return;
    if (bothEnded(tcp)) {
      pendingResets.delete(tcp);
      removeReset(tcp, shared);
      close(tcp, 'ended', emit);
      return;
    }
    lookForLife(tcp, direction, segment.seq);
    decisions?.begin(tcp);
  }

  function look(direction: Direction, segment: Segment, emit: Emit): void {
    const { tcp } = direction;
    if (tcp.reset !== null && bringsNew(direction, segment, tcp.reset.sender)) ignoreInside(tcp, emit);
  }

  /** Ignores a RST that was in the window but not at the next byte, since new bytes follow it. */
  function ignoreInside(tcp: TcpConversation, emit: Emit): void {
    pendingResets.delete(tcp);
    const { sender, segment } = removeReset(tcp, shared);
    emitIgnored(sender, 'inside', segment, emit);
  }

  function keep(direction: Direction, segment: Segment, emit: Emit): void {
    const { tcp } = direction;
    const reset = tcp.reset!;
    keepAfterReset(reset, direction, segment, shared);
    if ((segment.flags & TCP_RST) === 0 && showsLife(direction, segment)) outlive(tcp, emit);
    else if (reset.after.length > limits.segments || reset.bytes > limits.bytes) close(tcp, 'reset', emit);
  }

  function outlive(tcp: TcpConversation, emit: Emit): void {
    pendingResets.delete(tcp);
    decisions?.end(tcp);
    const { sender, segment, after } = removeReset(tcp, shared);
    emitIgnored(sender, 'outlived', segment, emit);
    for (const each of after) {
      if ((each.segment.flags & TCP_RST) === 0) takeAgain(each.segment, emit);
      // Behind both FINs a RST is not emitted, as no other segment there is.
      else if (tcp.closeReason === null) emitIgnored(each.direction, 'outlived', each.segment, emit);
    }
  }

  return { take, look, keep };
}
