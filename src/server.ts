/** The file server: serving, its stores, access, quotas, metrics, and commands of your own. */

export type { QuietPeriod } from './actor/run/ack-delay.ts';
export { type Access, openAccess } from './files/effects/access.ts';
export type { CustomHandlers } from './files/effects/performer-state.ts';
export type { TimedReport } from './files/effects/request-timing.ts';
export { createTokenTries, type TokenTries } from './files/effects/token-tries.ts';
export { allRights, anonymous, type Principal, type Right } from './files/protocol/access.ts';
export { catalogue, serviceFault } from './files/protocol/errors.ts';
export type { Stored } from './files/protocol/file.ts';
export { replyFraming } from './files/protocol/reply.ts';
export { sluicePreset } from './files/protocol/sluice-preset.ts';
export { version } from './files/protocol/version.ts';
export { acknowledge, refuse } from './files/session/answers.ts';
export {
  type Command,
  type CommandEvent,
  defineCommand,
  type ReplyPart,
  type Touches,
  type Transition,
} from './files/session/command.ts';
export { commands, requestFraming } from './files/session/dispatch.ts';
export type { CommandEffect, RequestReport } from './files/session/effect.ts';
export type { EffectResult, EffectResultOf, HelloResult } from './files/session/event.ts';
export { type AccessFile, type OpenedAccess, openAccessFile } from './server/access/access-file.ts';
export type { ServerEvent } from './server/event.ts';
export { defaultLimits, limitsWithin, type ServerLimits } from './server/limits.ts';
export { createMetrics } from './server/metrics/metrics.ts';
export type { Metrics, MetricsOptions, MetricsOutcome } from './server/metrics/metrics-options.ts';
export { serve } from './server/serve.ts';
export type { ServeOptions } from './server/serve-options.ts';
export { acknowledgedChanges, type ChangeItem } from './server/sinks/acknowledged-changes.ts';
export {
  type CloseServerOptions,
  type Listening,
  type RunningServer,
  type StartServerOptions,
  startServer,
} from './server/start-server.ts';
export type { ServerStats } from './server/status.ts';
export { TRACE_CHANNEL, traceToChannel } from './server/trace-channel.ts';
export {
  type Accept,
  type AcceptCounts,
  type AcceptOptions,
  type AcceptStore,
  withAccept,
} from './store/accept/with-accept.ts';
export type { ChangeEvent, ChangeLog, ChangeRecorder } from './store/changes/change-log.ts';
export { type ChangeLogOptions, openChangeLog } from './store/changes/open-change-log.ts';
export type {
  Committed,
  FileStore,
  ListOptions,
  MaybeAsync,
  Outcome,
  PutOptions,
  Removed,
  Renamed,
  Sink,
  Source,
  StagedContent,
} from './store/contract.ts';
export { type DiskStoreOptions, openDiskStore } from './store/disk/disk-store.ts';
export type { ListingBounds } from './store/listing/bounds.ts';
export { type MemoryStore, memoryStore } from './store/memory/memory-store.ts';
export type { Quota } from './store/quota/quota-state.ts';
export { type QuotaStore, withQuotas } from './store/quota/quotas.ts';
export type { UploadOptions } from './store/upload-limits.ts';
