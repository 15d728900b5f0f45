/**
 * A recording looked at as messages: its streams, and the frames in them.
 *
 * ```text
 *  stream events ──▶ which framing? ──▶ frames of the client ──▶ inspect events
 *                                   └─▶ frames of the server ─┘
 * ```
 *
 * For each open conversation it keeps two frames' numbers and first bytes, and what there is of two heads; how many
 * are open is bounded where the streams are put together.
 */
import { checkOptions, either, FRAMING, oneOf, optional, withMethods } from '../../wire/argument.ts';
import type { Framing } from '../../wire/framing.ts';
import type { Preset } from '../../wire/preset.ts';
import type { Capture } from '../capture.ts';
import { checkCapture } from '../check-capture.ts';
import { readStreams, type StreamOptions } from '../read-streams.ts';
import type { Conversation, Side, StreamChunk, StreamEvent } from '../stream-event.ts';
import { type Choice, chooseFraming } from './framing-choice.ts';
import type { InspectEvent } from './inspect-event.ts';
import { type Selection, selects } from './selection.ts';
import { type SideFrames, sideFrames } from './side-frames.ts';
import { SLUICE_OPENING } from './sluice-wire.ts';

export interface InspectOptions {
  /**
   * How frames are found: a preset, `sluicePreset` for Sluice's own wire, or `none`, no frames at all. By default each
   * conversation's server port decides, else its first bytes if they look like Sluice's, else there are no frames.
   */
  readonly preset?: Preset | 'none';
  /** A framing of one's own instead, for both sides. Bodies are never collected, whatever it says of delivery. */
  readonly framing?: Framing<unknown>;
  /** Which conversations; default all. */
  readonly only?: Selection;
  /** How the packets are put together. */
  readonly streams?: StreamOptions;
}

/**
 * Tells what was said in a recording, message by message, and how TCP carried it.
 *
 * Streaming: the file is read no faster than this is iterated, and memory does not grow with it. A stream's views of
 * packets (`chunk.bytes`) keep the block of the file they lie in, so copy what is kept.
 *
 * A gap that lies in one frame's body leaves the framing sound, and that frame is told as `incomplete`. After any other
 * a side's frames cannot be found any more: a `fault` says so, and its chunks are still told.
 *
 * Throws the `CaptureFault` of a file that cannot be read to its end, after everything that came before it.
 *
 * @example
 * for await (const events of inspect(captureFile('trace.pcap'), { preset: presetNamed('dns')! })) {
 *   for (const event of events) {
 *     if (event.type === 'frame') console.log(event.from, event.head + event.length, event.chunks);
 *   }
 * }
 */
export async function* inspect(
  capture: Capture,
  options: InspectOptions = {},
): AsyncGenerator<readonly InspectEvent[]> {
  checkCapture('inspect', capture, options);
  checkOptions('inspect', options, {
    preset: optional(either(PRESET, oneOf('none'))),
    framing: optional(FRAMING),
  });
  const inspector = createInspector(options);
  for await (const batch of readStreams(capture, options.streams)) {
    const events: InspectEvent[] = [];
    for (const event of batch) inspector.take(event, (it) => events.push(it));
    yield events;
  }
}

const PRESET = withMethods("a preset, such as presetNamed('dns') answers", ['framing', 'label']);

/** What is known of an open conversation. */
interface Open {
  /** Null until the framing is chosen, or for good when there is none. */
  sides: Readonly<Record<Side, SideFrames>> | null;
  chosen: boolean;
  /** What came before that: copies, as a side's first four bytes are too few to tell. At most eight. */
  early: StreamChunk[];
}

export interface Inspector {
  /** Takes the next event of the streams, and emits it with what follows from it. */
  take(event: StreamEvent, emit: (event: InspectEvent) => void): void;
}

/** `inspect` for stream events from wherever they come. */
export function createInspector(options: Omit<InspectOptions, 'streams'> = {}): Inspector {
  const selected = selects(options.only);
  /** Those that are open and selected. */
  const open = new Map<number, Open>();
  let tell: (event: InspectEvent) => void = () => {};

  function choose(conversation: Conversation, of: Open, choice: Choice): void {
    const { name, reason, framing } = choice;
    of.chosen = true;
    tell({ type: 'framing', conversation, name, reason });
    if (framing !== null) {
      const side = (from: Side) => sideFrames(conversation, from, framing, (it) => tell(it));
      of.sides = { client: side('client'), server: side('server') };
      for (const chunk of of.early) of.sides[chunk.from].chunk(chunk);
    }
    of.early = [];
  }

  function opened(conversation: Conversation): void {
    const of: Open = { sides: null, chosen: false, early: [] };
    open.set(conversation.index, of);
    const choice = chooseFraming(options, conversation);
    if (choice !== null) choose(conversation, of, choice);
  }

  /** Looks at a side's first bytes, or keeps them until they are enough. */
  function undecided(chunk: StreamChunk, of: Open): void {
    const before = of.early.filter(({ from }) => from === chunk.from);
    const first = [...before, chunk].flatMap(({ bytes }) => [...bytes.subarray(0, SLUICE_OPENING)]);
    const choice = chooseFraming(options, chunk.conversation, Uint8Array.from(first));
    if (choice !== null) choose(chunk.conversation, of, choice);
    else of.early.push({ ...chunk, bytes: chunk.bytes.slice() });
  }

  function take(event: StreamEvent, emit: (event: InspectEvent) => void): void {
    if (!('conversation' in event)) {
      emit(event);
      return;
    }
    const { conversation } = event;
    tell = emit;
    if (event.type === 'open') {
      if (!selected(conversation)) return;
      emit(event);
      opened(conversation);
      return;
    }
    const of = open.get(conversation.index);
    if (of === undefined) {
      // Of one that is closed already.
      if (event.type === 'after-reset' && selected(conversation)) emit(event);
      return;
    }
    if (event.type === 'chunk') {
      if (!of.chosen) undecided(event, of);
      emit(event);
      of.sides?.[event.from].chunk(event);
      return;
    }
    // Whatever else comes before the first bytes were enough: they will not be.
    if (!of.chosen && event.type !== 'conflict' && event.type !== 'ignored') {
      if (event.type !== 'end' || of.early.some(({ from }) => from === event.from)) {
        choose(conversation, of, { name: null, reason: 'unknown', framing: null });
      }
    }
    if (event.type === 'gap') {
      emit(event);
      of.sides?.[event.from].gap(event);
      return;
    }
    if (event.type === 'end') of.sides?.[event.from].end('ended');
    if (event.type === 'reset' || event.type === 'close') {
      const how = event.type === 'reset' ? 'ended' : 'cut';
      of.sides?.client.end(how);
      of.sides?.server.end(how);
    }
    emit(event);
    if (event.type === 'close') open.delete(conversation.index);
  }

  return { take };
}
