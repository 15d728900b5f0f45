import type { Side } from './stream-event.ts';

/** The side that a side speaks with. */
export const otherSide = { client: 'server', server: 'client' } as const satisfies Record<Side, Side>;
