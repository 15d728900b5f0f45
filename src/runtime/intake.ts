/**
 * The way in of one connection: chunks become frame events, these events of the session, and all of it is counted.
 *
 * Everything that is kept of a chunk is paid for: a body's bytes and a header as the event that carries them, the bytes
 * of a header that is not whole yet as themselves.
 */
import { Subject } from 'rxjs';
import { errorInfo } from '../protocol/errors.ts';
import { frameError } from '../protocol/frame-error.ts';
import type { SessionEvent } from '../session/event.ts';
import { deframe } from '../wire/deframe.ts';
import type { FrameEvent } from '../wire/frame-event.ts';
import type { Framing } from '../wire/framing.ts';
import type { JsonHeader } from '../wire/json-header.ts';
import { eventCost, type Window } from './credit.ts';
import { createFeed } from './feed.ts';
import { headerCost } from './header-cost.ts';

export interface IntakeWorld {
  readonly framing: Framing<JsonHeader>;
  readonly window: Window;
  /** Whether the next piece may be taken now. */
  readonly wanted: () => boolean;
  readonly later: (work: () => void) => void;
  readonly waiting: (waiting: boolean) => void;
  /** An event, paid for. */
  readonly give: (event: SessionEvent) => void;
  /** So many bytes of the chunk are not looked at any more. */
  readonly giveBack: (bytes: Uint8Array, count: number) => void;
  /** A piece was taken off, so many bytes and requests; or the end was. There may be events now. */
  readonly took: (bytes: number, requests: number) => void;
  readonly bug: (thrown: unknown) => void;
}

export interface Intake {
  readonly chunk: (bytes: Uint8Array) => void;
  /** The input is over, behind what came before it: in good order, or broken off. */
  readonly end: (event: SessionEvent) => void;
  /** To be called when more may be wanted again. */
  readonly goOn: () => void;
  /** Bytes of a header that is not whole. */
  readonly partialHead: () => number;
  /** Bytes of bodies, in all. */
  readonly bodies: () => number;
  readonly stop: () => void;
}

export function createIntake(world: IntakeWorld): Intake {
  const { window, give } = world;
  /** Of the piece at hand: bytes of complete headers, bytes of bodies, requests. */
  let [heads, streamed, requests] = [0, 0, 0];
  let partialHead = 0;
  let bodies = 0;
  /** Nothing after a fault is looked at. */
  let broken = false;

  const paid = (event: Extract<SessionEvent, { credit: number }>) => {
    window.take(event.credit);
    give(event);
  };

  function onFrame(frame: FrameEvent<JsonHeader>): void {
    switch (frame.type) {
      case 'data':
        streamed += frame.bytes.length;
        return paid({ type: 'data', bytes: frame.bytes, credit: frame.bytes.length + eventCost });
      case 'start': {
        const { header, length: body, head } = frame;
        heads += head;
        requests++;
        return paid({ type: 'request', header, body, credit: headerCost(header, head) + eventCost });
      }
      case 'end':
        return give({ type: 'body-end' });
      case 'fault':
        broken = true;
        return give({ type: 'fault', error: frameError(frame.fault) });
      case 'frame':
        // Requests are never delivered whole.
        return;
    }
  }

  const chunks$ = new Subject<Uint8Array>();
  const frames = chunks$.pipe(deframe(world.framing)).subscribe({
    next: onFrame,
    error: (thrown: unknown) => {
      world.bug(thrown);
      broken = true;
      give({ type: 'fault', error: errorInfo('internal') });
    },
  });

  function take(bytes: Uint8Array): number {
    [heads, streamed, requests] = [0, 0, 0];
    chunks$.next(bytes);
    bodies += streamed;
    countPartial(broken ? 0 : partialHead + bytes.length - heads - streamed);
    // Heads were parsed or copied, and what came after the end is not wanted: only bodies are still looked at.
    world.giveBack(bytes, bytes.length - streamed);
    world.took(bytes.length, requests);
    return requests;
  }

  function countPartial(now: number): void {
    if (now > partialHead) window.take(now - partialHead);
    else if (now < partialHead) window.give(partialHead - now);
    partialHead = now;
  }

  const feed = createFeed({ wanted: world.wanted, later: world.later, waiting: world.waiting, take });

  return {
    chunk: feed.chunk,
    end: (event) =>
      feed.behind(() => {
        chunks$.complete();
        countPartial(0);
        give(event);
        world.took(0, 0);
      }),
    goOn: feed.goOn,
    partialHead: () => partialHead,
    bodies: () => bodies,
    stop: () => frames.unsubscribe(),
  };
}
