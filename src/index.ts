/** Sluice for any platform: framing, codecs and actors. Nothing below it needs Node. */

export {
  type Actor,
  type ActorEvent,
  type ActorTypes,
  type Control,
  defineActor,
  type Peer,
  type PerformContext,
  type Reduction,
} from './actor/actor.ts';
export type { CreditWindow } from './actor/bounds/credit.ts';
export type { TimeoutKind, Timeouts } from './actor/bounds/timeouts.ts';
export type { ConnectionEvent } from './actor/connection-events.ts';
export type { Flow } from './actor/flow.ts';
export { type Framed, type FramedOptions, framed } from './actor/framed/framed.ts';
export { type ReplyKey, RequestTimeout, type TimeoutFault } from './actor/framed/replies.ts';
export { type ActorLimits, defaultActorLimits } from './actor/limits.ts';
export type { Mailbox, MailboxLimits } from './actor/mailbox.ts';
export { type MapPausingOptions, mapPausing } from './actor/map-pausing.ts';
export type { ActorReport } from './actor/report.ts';
export {
  type ActorsEvent,
  type ActorsStats,
  type ServeActorsOptions,
  serveActors,
} from './actor/serve-actors.ts';
export { formatTrace, type Pause, type TraceEvent } from './actor/trace.ts';
export {
  type Fault,
  SluiceError,
  StateError,
  type StateFault,
  type StateFaultCode,
} from './base/sluice-error.ts';
export { type CloseOptions, closeGracefully } from './transport/close-gracefully.ts';
export type { Address, Certificate, Connection, ConnectionFault } from './transport/connection.ts';
export { ConnectionError } from './transport/connection-error.ts';
export type { ListenEvent } from './transport/listen-event.ts';
export { type MemoryPairOptions, memoryPair } from './transport/memory/memory-pair.ts';
export { fromWebSocket, type WebSocketOptions } from './transport/web/from-web-socket.ts';
export { fromWebStreams, type WebStreamsOptions } from './transport/web/from-web-streams.ts';
export type { WebSocketLike } from './transport/web/web-socket-like.ts';
export type { ReadableLike, WebStreams, WritableLike } from './transport/web/web-streams-like.ts';
export type { BytesLike } from './wire/bytes.ts';
export type {
  Codec,
  Decoded,
  DecodedData,
  DecodedEnd,
  DecodedFault,
  DecodedMessage,
  DecodedStart,
  Decoder,
  DecoderStep,
  DirectEncoder,
} from './wire/codec.ts';
export { type DelimitedOptions, delimited } from './wire/codecs/delimited.ts';
export { dnsMessages } from './wire/codecs/dns-messages.ts';
export { lines } from './wire/codecs/lines.ts';
export { MessageFault } from './wire/codecs/message-fault.ts';
export { jsonMessages, type MessageFormat, messages } from './wire/codecs/messages.ts';
export { rawBytes } from './wire/codecs/raw-bytes.ts';
export { textChunks } from './wire/codecs/text-chunks.ts';
export { deframeEnd, deframeStep, deframeStepUpTo } from './wire/deframe/checked-step.ts';
export { deframe } from './wire/deframe/deframe.ts';
export type { DeframeState } from './wire/deframe/deframe-state.ts';
export { initialDeframeState, type Stepped } from './wire/deframe/deframe-step.ts';
export { encodeFrame, enframe } from './wire/enframe.ts';
export { type FaultCode, type FrameFault, type HeadFault, headFault } from './wire/fault.ts';
export { EncodeError, FrameError } from './wire/frame-error.ts';
export type {
  FaultEvent,
  FrameData,
  FrameEnd,
  FrameEvent,
  FrameStart,
  WholeFrame,
} from './wire/frame-event.ts';
export { frames } from './wire/frames.ts';
export type { Delivery, Framing, ParsedHead } from './wire/framing.ts';
export { encodeJsonHeader, type JsonHeader, type JsonHeaderOptions, jsonHeader } from './wire/json-header.ts';
export { type Encoded, encodeLength } from './wire/length-codec.ts';
export { lengthField, type PrefixedBody } from './wire/length-field.ts';
export type { LengthFieldOptions, Prefix } from './wire/length-options.ts';
export type { LookAhead, Preset, PresetOptions } from './wire/preset.ts';
/**
 * The presets: how well-known protocols frame their messages, by name. A bundler that follows a namespace, as Rollup,
 * Vite and webpack do, brings only those that the program uses. `presetNamed` finds one by a name in the program's data.
 *
 * @example
 * chunks$.pipe(deframe(presets.mqtt.framing())).subscribe({
 *   next: (event) => {
 *     if (event.type === 'start') console.log(presets.mqtt.label(event.header), event.length);
 *   },
 *   error: (error) => console.error(error.message),
 * });
 */
export * as presets from './wire/presets/all.ts';
export type { MessageHead } from './wire/presets/message-head.ts';
export { presetNamed } from './wire/presets.ts';
