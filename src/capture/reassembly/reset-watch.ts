/**
 * RSTs that came, until it is decided what they did: `resets.ts` says what they may mean.
 */
import { type Segment, TCP_RST } from '../segment.ts';
import { keepAfter, takeReset } from './after-reset.ts';
import type { Shared } from './deliver.ts';
import type { Undecided } from './event-order.ts';
import { tellIgnored } from './ignored.ts';
import { isOver, type Lives } from './lives.ts';
import { GATHERED_PACKETS, gatheredOf } from './reassembly-options.ts';
import { isNews, lookForLife, placeOf, showsLife } from './resets.ts';
import { copied } from './segments.ts';
import { forgetShown } from './sequencing.ts';
import type { Direction, Emit, TcpConversation } from './tcp-conversation.ts';
import { isUnanswered } from './window.ts';

export interface ResetWatch {
  /** Takes a RST. */
  take(direction: Direction, segment: Segment, emit: Emit): void;
  /** Looks at a segment of a conversation before it is taken: one that is new shows that the RST before it ended nothing. */
  look(direction: Direction, segment: Segment, emit: Emit): void;
  /**
   * Keeps what comes behind a RST that is heeded; gives it all back once it shows that the conversation goes on, and
   * closes that when too much waits.
   */
  keep(direction: Direction, segment: Segment, emit: Emit): void;
}

/** @param again takes a segment that waited. */
export function createResetWatch(
  { resetting, settle, close }: Lives,
  shared: Shared,
  undecided: Undecided | undefined,
  again: (segment: Segment, emit: Emit) => void,
): ResetWatch {
  const most = gatheredOf(shared.limits);

  function take(direction: Direction, segment: Segment, emit: Emit): void {
    const { talk, peer } = direction;
    const place = placeOf(direction, segment);
    const isHeeded = place === 'next' || place === 'hole';
    // It answers an acknowledgement of something else than the SYN: the other side has shown an older connection.
    if (!isHeeded && isUnanswered(direction)) forgetShown(peer, shared, emit);
    if (place === 'outside' || place === 'unasked') tellIgnored(direction, place, segment, emit);
    else {
      if (talk.reset !== null) pass(talk, emit);
      talk.reset = { from: direction, segment: copied(segment, 0), heeded: isHeeded, after: [], bytes: 0 };
      resetting.add(talk);
    }
    if (isHeeded || talk.packets >= GATHERED_PACKETS) settle(talk, emit);
    if (!isHeeded) return;
    if (isOver(talk)) {
      resetting.delete(talk);
      takeReset(talk, shared);
      close(talk, 'ended', emit);
      return;
    }
    lookForLife(talk, direction, segment.seq);
    undecided?.begin(talk);
  }

  function look(direction: Direction, segment: Segment, emit: Emit): void {
    const { talk } = direction;
    if (talk.reset !== null && isNews(direction, segment, talk.reset.from)) pass(talk, emit);
  }

  /** A RST that is in the window only ends nothing, since something follows it. */
  function pass(talk: TcpConversation, emit: Emit): void {
    resetting.delete(talk);
    const { from, segment } = takeReset(talk, shared);
    tellIgnored(from, 'inside', segment, emit);
  }

  function keep(direction: Direction, segment: Segment, emit: Emit): void {
    const { talk } = direction;
    const reset = talk.reset!;
    keepAfter(reset, direction, segment, shared);
    if ((segment.flags & TCP_RST) === 0 && showsLife(direction, segment)) goOn(talk, emit);
    else if (reset.after.length > most.segments || reset.bytes > most.bytes) close(talk, 'reset', emit);
  }

  function goOn(talk: TcpConversation, emit: Emit): void {
    resetting.delete(talk);
    undecided?.end(talk);
    const { from, segment, after } = takeReset(talk, shared);
    tellIgnored(from, 'outlived', segment, emit);
    for (const each of after) {
      if ((each.segment.flags & TCP_RST) === 0) again(each.segment, emit);
      // Behind both FINs it is nothing to tell, as any other there.
      else if (talk.over === null) tellIgnored(each.direction, 'outlived', each.segment, emit);
    }
  }

  return { take, look, keep };
}
