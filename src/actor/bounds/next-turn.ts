/** Calls back in the next turn of the event loop, where the platform has one for that; else as soon as a timer can. */
export const nextTurn: (work: () => void) => void =
  typeof setImmediate === 'function' ? (work) => void setImmediate(work) : (work) => void setTimeout(work);
