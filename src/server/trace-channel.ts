/** The traces of actors on a channel of `node:diagnostics_channel`, where monitors of a process listen. */
import { channel } from 'node:diagnostics_channel';
import type { TraceEvent } from '../actor/trace.ts';

/**
 * The name of the channel (of `node:diagnostics_channel`) on which `traceToChannel` publishes each `TraceEvent`.
 *
 * @example
 * import { subscribe } from 'node:diagnostics_channel';
 *
 * subscribe(TRACE_CHANNEL, (event) => console.log(formatTrace(event as TraceEvent)));
 */
export const TRACE_CHANNEL = 'sluice:actor';

const traces = channel(TRACE_CHANNEL);

/**
 * Publishes what happens inside of a server on the channel `TRACE_CHANNEL`: the value for the option `trace`. It costs
 * next to nothing while nobody has subscribed to the channel.
 *
 * @example
 * serve({ connections$: listenTcp({ port: 8080 }), store, trace: traceToChannel }).subscribe({
 *   error: (error) => console.error(error.message),
 * });
 */
export function traceToChannel(event: TraceEvent): void {
  if (traces.hasSubscribers) traces.publish(event);
}
