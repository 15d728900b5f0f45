/** Sluice for Node: all of `sluice`, with TCP, the stores and the server. */

export type { Counters } from './actor/bounds/counters.ts';
export * from './actor/bounds/credit.ts';
export type { RateLimiter } from './actor/bounds/rate-limit.ts';
export type { Rounds } from './actor/bounds/rounds.ts';
export type { Slots } from './actor/bounds/slots.ts';
export type { TimeoutMonitor } from './actor/bounds/timeouts.ts';
export type { QuietPeriod } from './actor/run/ack-delay.ts';
export { type Capture, captureOf } from './capture/capture.ts';
export * from './capture/capture-fault.ts';
export * from './capture/capture-file.ts';
export { type InspectOptions, inspect } from './capture/inspect/inspect.ts';
export * from './capture/inspect/inspect-event.ts';
export type { Selection } from './capture/inspect/selection.ts';
export { readStreams, type StreamOptions } from './capture/read-streams.ts';
export * from './capture/record/record.ts';
export * from './capture/record/record-directory.ts';
export { presetReplies } from './capture/replay/asked-replies.ts';
export {
  assertSameInAnyChunking,
  type ChunkingInvarianceOptions as ChunkingLawOptions,
  ComparisonError,
  joinedData,
} from './capture/replay/chunking-invariance.ts';
export type { ValueDifference } from './capture/replay/difference.ts';
export type { LiveFault, LiveResult } from './capture/replay/live-result.ts';
export type { PacingOptions, Speed } from './capture/replay/pacing.ts';
export * from './capture/replay/rechunk.ts';
export type { RecordedConnection, ReplayEvent, SideEvent } from './capture/replay/recorded-connection.ts';
export * from './capture/replay/replay.ts';
export * from './capture/replay/replay-live.ts';
export type { AskedReplies, Replies, ReplyDifference } from './capture/replay/replies.ts';
export type * from './capture/stream-event.ts';
export * from './capture/virtual-time.ts';
export * from './client/connect.ts';
export * from './client/content/file-content.ts';
export * from './files/effects/access.ts';
export type { CustomHandlers } from './files/effects/performer-state.ts';
export type { TimedReport } from './files/effects/request-timing.ts';
export * from './files/effects/serve-connection.ts';
export type { AddressTries } from './files/effects/token-check.ts';
export { createTokenTries, type TokenTries } from './files/effects/token-tries.ts';
export * from './index.ts';
export * from './server/access/access-file.ts';
export * from './server/event.ts';
export * from './server/limits.ts';
export * from './server/serve.ts';
export {
  type CloseServerOptions,
  type Listening,
  type RunningServer,
  type ServerPhase,
  type StartServerOptions,
  startServer,
} from './server/start-server.ts';
export type { ServerStats, Unfinished } from './server/status.ts';
export { TRACE_CHANNEL, traceToChannel } from './server/trace-channel.ts';
export * from './server/verify-replay.ts';
export * from './store/conformance/suite.ts';
export type * from './store/contract.ts';
export { crc32 } from './store/crc32.ts';
export * from './store/disk/disk-store.ts';
export type { ListingBounds } from './store/listing/bounds.ts';
export * from './store/memory/memory-store.ts';
export * from './store/quota/quotas.ts';
export { type Quota, type QuotaStore, type QuotaUse, withQuotas } from './store/quota/quotas.ts';
export type { UploadOptions } from './store/upload-limits.ts';
export * from './transport/conformance/suite.ts';
export { ListenError, type ListenFault } from './transport/listen-error.ts';
export type * from './transport/listen-event.ts';
export * from './transport/socket/from-socket.ts';
export * from './transport/socket/tcp.ts';
export type * from './transport/tls/credentials.ts';
export * from './transport/tls/tls.ts';
export * from './transport/udp.ts';
export * from './transport/unix/unix.ts';
