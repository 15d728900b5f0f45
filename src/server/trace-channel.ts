/** The traces of actors on a channel of `node:diagnostics_channel`, where monitors of a process listen. */
import { channel } from 'node:diagnostics_channel';
import type { TraceEvent } from '../actor/trace.ts';

/** The name of the channel. What is published on it is a `TraceEvent`. */
export const TRACE_CHANNEL = 'sluice:actor';

const traces = channel(TRACE_CHANNEL);

/**
 * Publishes what happens inside of actors. It costs next to nothing while nobody has subscribed to the channel.
 *
 * @example
 * serveActors({ connections$, actor, trace: traceToChannel }).subscribe({
 *   error: (error) => console.error(error.message),
 * });
 * // anywhere in the process
 * subscribe(TRACE_CHANNEL, (event) => console.log(formatTrace(event))); // of node:diagnostics_channel
 */
export function traceToChannel(event: TraceEvent): void {
  if (traces.hasSubscribers) traces.publish(event);
}
