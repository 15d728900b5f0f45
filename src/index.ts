/**
 * Sluice for any platform: framing, the protocol, the session and the client. Nothing below it needs Node.
 */

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
export type { TimeoutKind, Timeouts } from './actor/bounds/timeouts.ts';
export type { ConnectionEvent } from './actor/connection-events.ts';
export type { Flow } from './actor/flow.ts';
export { type Framed, type FramedOptions, framed } from './actor/framed/framed.ts';
export { type Key, RequestTimeout } from './actor/framed/replies.ts';
export { type ActorLimits, defaultActorLimits } from './actor/limits.ts';
export type { Mailbox, MailboxLimits, Posted } from './actor/mailbox.ts';
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
export type { ArrivingBody } from './client/arriving-body.ts';
export * from './client/client.ts';
export * from './client/client-fault.ts';
export * from './client/content/content.ts';
export { ContentError, type ContentFault } from './client/content/content-error.ts';
export type { ContentSource } from './client/content/hold-content.ts';
export { type StreamContentOptions, streamContent } from './client/content/stream-content.ts';
export type { ByteStream } from './client/content/stream-source.ts';
export type { Download, GetSettings } from './client/get.ts';
export type { ListSettings, PageSettings } from './client/list.ts';
export type { SentContent } from './client/pipeline/client-request.ts';
export type { UnacknowledgedPutEvent } from './client/pipeline/unacknowledged-put.ts';
export * from './client/pipeline/unacknowledged-sender.ts';
export type { ConnectionPoolOptions, Retry } from './client/pool/pool-options.ts';
export type { Backoff } from './client/pool/retry.ts';
export type { PutEvent, PutHooks, PutSettings } from './client/put.ts';
export type {
  ArrivingAnswer,
  RequestHeader,
  RequestSettings,
  SendRequest,
  WholeAnswer,
} from './client/request.ts';
export type {
  DownloadProgress,
  DownloadTarget,
  PartialDownload,
} from './client/transfers/download-target.ts';
export * from './client/transfers/downloads.ts';
export {
  type Progress,
  RESUME_THRESHOLD_BYTES,
  type Uploaded,
  type UploadSettings,
  type UploadsOptions,
} from './client/transfers/upload.ts';
export * from './client/transfers/uploads.ts';
export * from './files/protocol/access.ts';
export { requestBodyLength } from './files/protocol/body-length.ts';
export * from './files/protocol/errors.ts';
export * from './files/protocol/file.ts';
export * from './files/protocol/filename.ts';
export * from './files/protocol/frame-error.ts';
export * from './files/protocol/reply.ts';
export * from './files/protocol/request.ts';
export * from './files/protocol/sluice-preset.ts';
export * from './files/protocol/upload.ts';
export * from './files/protocol/version.ts';
export type { SessionLimits } from './files/session/begin-request.ts';
export * from './files/session/command.ts';
export * from './files/session/dispatch.ts';
export * from './files/session/effect.ts';
export * from './files/session/event.ts';
export * from './files/session/session.ts';
export type * from './files/session/state.ts';
export { type CloseOptions, closeGracefully } from './transport/close-gracefully.ts';
export type * from './transport/connection.ts';
export { ConnectionError } from './transport/connection-error.ts';
export * from './transport/memory/memory-pair.ts';
export * from './transport/web/from-web-socket.ts';
export * from './transport/web/from-web-streams.ts';
export type { WebSocketLike } from './transport/web/web-socket-like.ts';
export type { ReadableLike, WebStreams, WritableLike } from './transport/web/web-streams-like.ts';
export type { BytesLike } from './wire/bytes.ts';
export { finish, step, stepUpTo } from './wire/checked-step.ts';
export type * from './wire/codec.ts';
export { type DelimitedOptions, delimited } from './wire/codecs/delimited.ts';
export { dnsMessages } from './wire/codecs/dns-messages.ts';
export { lines } from './wire/codecs/lines.ts';
export { MessageFault } from './wire/codecs/message-fault.ts';
export { jsonMessages, type MessageFormat, messages } from './wire/codecs/messages.ts';
export { bytes } from './wire/codecs/raw-bytes.ts';
export { textChunks } from './wire/codecs/text-chunks.ts';
export * from './wire/deframe.ts';
export { type DeframeState, initialState, type Stepped } from './wire/deframe-step.ts';
export * from './wire/enframe.ts';
export {
  type FaultCode,
  type FrameFault,
  type HeadFault,
  headFault,
} from './wire/fault.ts';
export { EncodeError, FrameError } from './wire/frame-error.ts';
export type * from './wire/frame-event.ts';
export { frames } from './wire/frames.ts';
export type * from './wire/framing.ts';
export * from './wire/json-header.ts';
export { type Encoded, encodeLength } from './wire/length-codec.ts';
export * from './wire/length-field.ts';
export type * from './wire/preset.ts';
export { amqp } from './wire/presets/amqp.ts';
export { bgp } from './wire/presets/bgp.ts';
export { dns } from './wire/presets/dns.ts';
export { kafka } from './wire/presets/kafka.ts';
export { mongodb } from './wire/presets/mongodb.ts';
export { mqtt } from './wire/presets/mqtt.ts';
export { mysql } from './wire/presets/mysql.ts';
export { postgresql } from './wire/presets/postgres.ts';
export { smb } from './wire/presets/smb.ts';
export { tds } from './wire/presets/tds.ts';
export { tls } from './wire/presets/tls.ts';
export * from './wire/presets.ts';
