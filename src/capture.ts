/** Recorded traffic: captures are read, inspected, recorded, and replayed. */

export { type Capture, captureOf } from './capture/capture.ts';
export { CaptureError, type CaptureFault, type CaptureFaultCode } from './capture/capture-fault.ts';
export { type CaptureFileOptions, captureFile } from './capture/capture-file.ts';
export { type InspectOptions, inspect } from './capture/inspect/inspect.ts';
export {
  type FoundAgain,
  type FramingChosen,
  type InspectEvent,
  type InspectedFault,
  type InspectedFrame,
  isCoalesced,
  isSplit,
} from './capture/inspect/inspect-event.ts';
export type { Selection } from './capture/inspect/selection.ts';
export { readStreams, type StreamOptions } from './capture/read-streams.ts';
export { type Recorder, record } from './capture/record/record.ts';
export { type RecordDirectoryOptions, recordInto } from './capture/record/record-directory.ts';
export type { RecordEnd } from './capture/record/record-file.ts';
export type { RecordOptions, Redact } from './capture/record/record-options.ts';
export { presetReplies } from './capture/replay/asked-replies.ts';
export type { ValueDifference } from './capture/replay/difference.ts';
export type { LiveFault, LiveResult } from './capture/replay/live-result.ts';
export type { PacingOptions } from './capture/replay/pacing.ts';
export { type Chunking, createRechunker, type Rechunker, rechunk } from './capture/replay/rechunk.ts';
export type { RecordedConnection, ReplayEvent, SideEvent } from './capture/replay/recorded-connection.ts';
export { type ReplayOptions, replay, replayStreams } from './capture/replay/replay.ts';
export { type LiveOptions, replayStreamsTo, replayTo } from './capture/replay/replay-live.ts';
export type { AskedReplies, Replies, ReplyDifference } from './capture/replay/replies.ts';
export type {
  AfterReset,
  Conversation,
  ConversationClose,
  ConversationEvent,
  ConversationOpen,
  FragmentConflict,
  PacketIgnored,
  PacketSkipped,
  PacketsUnread,
  Side,
  StreamChunk,
  StreamConflict,
  StreamEnd,
  StreamEvent,
  StreamGap,
  StreamReset,
} from './capture/stream-event.ts';
export { sluiceReplies, type VerifyOptions, verifyReplay, verifyStreams } from './server/verify-replay.ts';
