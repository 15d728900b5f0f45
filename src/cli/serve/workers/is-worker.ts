/** How a process knows that it is a worker. Apart from the rest, so that a server of one process loads nothing of it. */

/** Has the number of the worker. Whoever sets it without having started a worker is told that there is no such setting. */
export const WORKER_VARIABLE = 'SLUICE_WORKER';

export const isWorkerProcess = (): boolean =>
  process.channel != null && process.env[WORKER_VARIABLE] !== undefined;
