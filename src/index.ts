/**
 * Sluice for any platform: framing, the protocol, the session and the client. Nothing below it needs Node.
 */

export * from './client/client.ts';
export * from './client/client-fault.ts';
export * from './client/content.ts';
export * from './client/downloads.ts';
export type { Checksum } from './client/frame-sender.ts';
export type { Download, GetSettings } from './client/get.ts';
export type { Retry } from './client/lanes.ts';
export type { ListSettings, PageSettings } from './client/list.ts';
export * from './client/plain-sender.ts';
export type { ContentSource as ContentGiven, PutEvent, PutHooks, PutSettings } from './client/put.ts';
export type { Hasher } from './client/read-content.ts';
export type { Backoff } from './client/retry.ts';
export * from './client/uploads.ts';
export * from './protocol/access.ts';
export * from './protocol/errors.ts';
export * from './protocol/file.ts';
export * from './protocol/filename.ts';
export * from './protocol/frame-error.ts';
export * from './protocol/reply.ts';
export * from './protocol/request.ts';
export * from './protocol/sluice-preset.ts';
export * from './protocol/upload.ts';
export * from './protocol/version.ts';
export { type CloseOptions, closeGracefully } from './runtime/close-gracefully.ts';
export * from './session/command.ts';
export * from './session/dispatch.ts';
export * from './session/effect.ts';
export type { SessionLimits } from './session/entrance.ts';
export * from './session/event.ts';
export * from './session/session.ts';
export type * from './session/state.ts';
export type * from './transport/connection.ts';
export type { BytesLike } from './wire/bytes.ts';
export { finish, step, stepUpTo as stepSome } from './wire/checked-step.ts';
export * from './wire/deframe.ts';
export { type DeframeState, initialState, type Stepped } from './wire/deframe-step.ts';
export { type Encoded, encodeLength } from './wire/encode-length.ts';
export * from './wire/enframe.ts';
export {
  type FaultCode,
  type FrameFault,
  type HeadFault as Problem,
  headFault as problem,
} from './wire/fault.ts';
export type * from './wire/frame-event.ts';
export type * from './wire/framing.ts';
export * from './wire/json-header.ts';
export * from './wire/length-field.ts';
export type * from './wire/preset.ts';
export * from './wire/presets.ts';
