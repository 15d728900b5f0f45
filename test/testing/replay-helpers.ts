/** Recordings for the tests of the matcher, and what it says of them. */
import { defineActor } from '../../src/actor/actor.ts';
import { type Capture, captureOf } from '../../src/capture/capture.ts';
import { captureFile } from '../../src/capture/capture-file.ts';
import type { StreamEvent } from '../../src/capture/stream-event.ts';
import { assertReplaysTheSame, type Pipeline, type ReplayTheSameOptions } from '../../src/testing.ts';
import { lines } from '../../src/wire/codecs/lines.ts';
import { conversationEvents } from '../support/captures/stream-events.ts';
import { pcapOfEvents } from '../support/captures/stream-pcap.ts';

export const golden = (name: string): Capture => captureFile(`test/golden/captures/${name}`);
export const captured = (...events: readonly StreamEvent[]): Capture =>
  captureOf(pcapOfEvents(events), 'trace');
export const codec = lines({ maxLength: 100 });
export const echoing = (answer: (message: string) => string) =>
  defineActor()({
    codec,
    reduce: (state, event) => ({
      state,
      effects: event.type === 'message' ? [{ type: 'send', message: answer(event.message) }] : [],
    }),
  });
export const upper = echoing((message) => message.toUpperCase());

/** A conversation about lines, as an upper-casing server has it. */
export function talk(...replies: readonly string[]): Capture {
  const { open, send, end, close } = conversationEvents();
  const said = replies.flatMap((reply, at) => [
    send('client', `line ${at}\n`, at * 10),
    send('server', `${reply}\n`, at * 10 + 5),
  ]);
  return captured(open(), ...said, end('client'), end('server'), close());
}

/** The message with which a comparison fails. */
export const failure = (
  capture: Capture,
  pipeline: Pipeline,
  options: ReplayTheSameOptions = {},
): Promise<string> =>
  assertReplaysTheSame(capture, pipeline, { stall: 200, ...options }).then(
    () => 'it is the same',
    (error: Error) => error.message,
  );
