/**
 * Sluice for any platform: framing, the protocol, the session and the client. Nothing below it needs Node.
 */

export * from './protocol/errors.ts';
export * from './protocol/file.ts';
export * from './protocol/filename.ts';
export * from './protocol/frame-error.ts';
export * from './protocol/reply.ts';
export * from './protocol/request.ts';
export * from './session/command.ts';
export * from './session/dispatch.ts';
export * from './session/effect.ts';
export * from './session/event.ts';
export * from './session/session.ts';
export type * from './session/state.ts';
export type * from './transport/connection.ts';
export * from './wire/deframe.ts';
export * from './wire/deframe-step.ts';
export * from './wire/enframe.ts';
export * from './wire/fault.ts';
export * from './wire/frame-event.ts';
export * from './wire/framing.ts';
export * from './wire/json-header.ts';
export * from './wire/length-field.ts';
