/**
 * Reads a recording as messages: its streams, and the frames in them.
 *
 * ```text
 *  stream events ──▶ which framing? ──▶ frames of the client ──▶ inspect events
 *                                   └─▶ frames of the server ─┘
 * ```
 *
 * For each open conversation it keeps the numbers and first bytes of two frames, and the beginnings of two heads. The
 * reassembly bounds how many conversations are open. Sides in which frames are looked for hold 4 MiB, all of them 64.
 */

import { concatBytes } from '../../base/bytes.ts';
import {
  ANYTHING,
  checkOptions,
  either,
  FRAMING,
  oneOf,
  optional,
  withMethods,
} from '../../wire/argument.ts';
import type { Framing } from '../../wire/framing.ts';
import type { Preset } from '../../wire/preset.ts';
import { type Capture, checkCapture } from '../capture.ts';
import { readStreams, type StreamOptions } from '../read-streams.ts';
import type { Conversation, ConversationEvent, Side, StreamChunk, StreamEvent } from '../stream-event.ts';
import { chooseByPort, chooseFraming, type FramingChoice } from './framing-choice.ts';
import type { InspectEvent } from './inspect-event.ts';
import { labelsOf } from './labels/labels.ts';
import type { HeldTotal } from './resync/held.ts';
import { type Selection, selects } from './selection.ts';
import { createSideFrames, type SideFrames } from './side-frames.ts';
import { SLUICE_PREFIX_BYTES } from './sluice-wire.ts';

/** How `inspect` finds the frames, and in which conversations. All may be left out. */
export interface InspectOptions {
  /**
   * How frames are found: a preset, `sluicePreset` for Sluice's own wire, or `none`, no frames at all. By default each
   * conversation's server port decides; its first bytes, if they look like Sluice's and cannot be what the port says;
   * else there are no frames.
   */
  readonly preset?: Preset | 'none';
  /**
   * A framing instead of a preset, for both sides; default none. Bodies are never collected, whatever it says of
   * delivery.
   */
  readonly framing?: Framing<unknown>;
  /**
   * How frames are found in the conversations of a server's port, whatever `preset` and `framing` say of others;
   * default none.
   */
  readonly decodeAs?: ReadonlyMap<number, Preset | 'none'>;
  /** Which conversations; default all. */
  readonly only?: Selection;
  /** How the packets are put together; default as `readStreams` does. */
  readonly streams?: StreamOptions;
}

/**
 * Reads a recording message by message, and reports how TCP carried each message.
 *
 * Streaming: the file is read no faster than this is iterated, and memory does not grow with it. A stream's views of
 * packets (`chunk.bytes`) keep the block of the file they lie in, so copy what is kept.
 *
 * A gap within one frame's body leaves the framing sound, and that frame is `incomplete`. After any other gap it is not
 * known where the next frame begins: a `fault` says so, and the chunks still come. With the presets `bgp`, `mqtt`,
 * `postgresql`, `smb` and `tls` a place is looked for at which frames begin, and a `found-again` says where; likewise
 * when the recording began in the middle of a connection.
 *
 * Throws the `CaptureError` of a file that cannot be read to its end, after everything that came before it.
 *
 * @example
 * for await (const events of inspect(captureFile('trace.pcap'), { preset: presets.dns })) {
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
    decodeAs: optional(withMethods('a Map of ports', ['get'])),
    only: ANYTHING,
    streams: ANYTHING,
  });
  const inspector = createInspector(options);
  for await (const batch of readStreams(capture, options.streams)) {
    const events: InspectEvent[] = [];
    for (const event of batch) inspector.take(event, (it) => events.push(it));
    yield events;
  }
}

const PRESET = withMethods('a preset, such as presets.dns', ['framing', 'label']);

/** The state of an open conversation. */
interface OpenConversation {
  /** Null until the framing is chosen, or for good when there is none. */
  sides: Readonly<Record<Side, SideFrames>> | null;
  chosen: boolean;
  /** Copies of the chunks that came before the framing was chosen. At most eight. */
  earlyChunks: readonly StreamChunk[];
}

/** Shared by all conversations without early chunks. */
const NO_CHUNKS: readonly StreamChunk[] = [];
/** The state of all conversations in which no frames are looked for. It never changes. */
const UNFRAMED: OpenConversation = { sides: null, chosen: true, earlyChunks: NO_CHUNKS };

type EmitEvent = (event: InspectEvent) => void;

export interface Inspector {
  /** Takes the next event of the streams, and emits it with what follows from it. */
  take(event: StreamEvent, emit: EmitEvent): void;
}

interface InspectorState {
  readonly options: Omit<InspectOptions, 'streams'>;
  readonly isSelected: (conversation: Conversation) => boolean;
  /** What all sides hold in which frames are looked for. */
  readonly heldTotal: HeldTotal;
  /** Those that are open and selected, by their index. The reassembly bounds how many are open. */
  readonly open: Map<number, OpenConversation>;
  /** The `emit` of the call under way, for the sides of all conversations. */
  emit: EmitEvent;
}

/** `inspect` for stream events from any source. */
export function createInspector(options: Omit<InspectOptions, 'streams'> = {}): Inspector {
  const inspector: InspectorState = {
    options,
    isSelected: selects(options.only),
    heldTotal: { bytes: 0 },
    open: new Map(),
    emit: () => {},
  };
  return { take: (event, emit) => take(inspector, event, emit) };
}

function take(inspector: InspectorState, event: StreamEvent, emit: EmitEvent): void {
  if (!('conversation' in event)) {
    emit(event);
    return;
  }
  const { conversation } = event;
  inspector.emit = emit;
  if (event.type === 'open') {
    if (!inspector.isSelected(conversation)) return;
    emit(event);
    openConversation(inspector, conversation);
    return;
  }
  const state = inspector.open.get(conversation.index);
  if (state !== undefined) takeOfOpen(inspector, state, event);
  // An `after-reset` may come behind the close of its conversation.
  else if (event.type === 'after-reset' && inspector.isSelected(conversation)) emit(event);
}

function openConversation(inspector: InspectorState, conversation: Conversation): void {
  const state: OpenConversation = { sides: null, chosen: false, earlyChunks: NO_CHUNKS };
  inspector.open.set(conversation.index, state);
  const choice = chooseFraming(inspector.options, conversation);
  if (choice !== null) setFraming(inspector, conversation, state, choice);
}

/** Takes an event of an open and selected conversation. */
function takeOfOpen(
  inspector: InspectorState,
  state: OpenConversation,
  event: Exclude<ConversationEvent, { type: 'open' }>,
): void {
  const { emit } = inspector;
  if (event.type === 'chunk') {
    if (!state.chosen) chooseByBytes(inspector, event, state);
    emit(event);
    state.sides?.[event.from].chunk(event);
    return;
  }
  if (!state.chosen && endsChoice(state, event)) {
    setFraming(inspector, event.conversation, state, chooseByPort(event.conversation.server));
  }
  if (event.type === 'gap') {
    emit(event);
    state.sides?.[event.from].gap(event);
    return;
  }
  if (event.type === 'end') state.sides?.[event.from].end('ended');
  if (event.type === 'reset' || event.type === 'close') {
    const how = event.type === 'reset' ? 'ended' : 'cut';
    state.sides?.client.end(how);
    state.sides?.server.end(how);
  }
  emit(event);
  if (event.type === 'close') inspector.open.delete(event.conversation.index);
}

/** Chooses the framing by a side's first bytes, or keeps them until they are enough. */
function chooseByBytes(inspector: InspectorState, chunk: StreamChunk, state: OpenConversation): void {
  const choice = chooseFraming(inspector.options, chunk.conversation, firstBytes(state, chunk));
  if (choice !== null) setFraming(inspector, chunk.conversation, state, choice);
  else state.earlyChunks = [...state.earlyChunks, { ...chunk, bytes: chunk.bytes.slice() }];
}

/** A side's first bytes so far: at least as many as show Sluice's wire, unless there are fewer. */
function firstBytes({ earlyChunks }: OpenConversation, { bytes, from }: StreamChunk): Uint8Array {
  if (earlyChunks.length === 0) return bytes;
  const before = earlyChunks.filter((early) => early.from === from);
  return concatBytes([...before.map((early) => early.bytes.subarray(0, SLUICE_PREFIX_BYTES)), bytes]);
}

/**
 * Whether an event shows that a side's first bytes will never be enough for a choice. After an `end` of a side without
 * bytes the other side may still decide.
 */
function endsChoice({ earlyChunks }: OpenConversation, event: ConversationEvent): boolean {
  if (event.type === 'conflict' || event.type === 'ignored') return false;
  return event.type !== 'end' || earlyChunks.some(({ from }) => from === event.from);
}

function setFraming(
  inspector: InspectorState,
  conversation: Conversation,
  state: OpenConversation,
  { name, reason, framing }: FramingChoice,
): void {
  inspector.emit({ type: 'framing', conversation, name, reason });
  if (framing === null) {
    inspector.open.set(conversation.index, UNFRAMED);
    return;
  }
  state.chosen = true;
  const labels = name === null ? null : labelsOf(name);
  const bySide = framing.bySide?.();
  const framesOf = (from: Side) =>
    createSideFrames(
      conversation,
      from,
      { ...framing, ...(bySide && { framing: bySide[from] }) },
      labels,
      (event) => inspector.emit(event),
      inspector.heldTotal,
    );
  state.sides = { client: framesOf('client'), server: framesOf('server') };
  for (const chunk of state.earlyChunks) state.sides[chunk.from].chunk(chunk);
  state.earlyChunks = NO_CHUNKS;
}
