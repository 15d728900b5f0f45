/** The thread in which a worker runs; and what small files need of it, so that a test can do without a thread. */
import { closeSync, openSync } from 'node:fs';
import { devNull } from 'node:os';
import { Worker } from 'node:worker_threads';
import { CONTROL } from './slot-layout.ts';
import { runWorker, type WorkerDuty, workerCalls } from './worker-calls.ts';

export interface WorkerEvents {
  /** It takes calls from now on. */
  ready(): void;
  /** Calls are done. */
  told(): void;
  /** It takes no more calls, and those that are not done never will be. */
  ended(error: Error): void;
}

export interface RunningWorker {
  /** Wakes it: calls were published, or it is to stop. */
  wake(): void;
  /** Whether the process goes on for its sake. */
  keepsAlive(keeps: boolean): void;
}

/** Starts a worker. Throws where the process may have no threads, or has no descriptors left for one. */
export type StartWorker = (duty: WorkerDuty, events: WorkerEvents) => RunningWorker;

/**
 * All of the thread's program. It has no file of its own, so that no bundler has to find it. Node takes it for a module
 * or not as the flags of the process say, so it does without `import` and `require`. Its first message is that it runs.
 */
const SOURCE = `
const { parentPort, workerData } = process.getBuiltinModule('node:worker_threads');
const tell = () => parentPort.postMessage(0);
const doNext = (${workerCalls})(workerData, process.getBuiltinModule('node:fs'), tell);
tell();
(${runWorker})(workerData, doNext);
`;

/** Descriptors that must be free for a thread: it takes five, and Node ends the process when it does not get them. */
const DESCRIPTORS_FREE_MIN = 16;

/** Throws the system's error when the process can open only few more files. */
function checkDescriptors(): void {
  const opened: number[] = [];
  try {
    while (opened.length < DESCRIPTORS_FREE_MIN) opened.push(openSync(devNull, 'r'));
  } finally {
    for (const fd of opened) closeSync(fd);
  }
}

export const startThread: StartWorker = (duty, { ready, told, ended }) => {
  checkDescriptors();
  const worker = new Worker(SOURCE, { eval: true, workerData: duty, name: 'sluice small files' });
  const { control } = duty.slots;
  worker.unref();
  // Not when it is online: its program, or what the flags of the process have run before, may still fail.
  worker.once('message', ready);
  worker.on('message', told);
  worker.once('error', ended);
  worker.once('exit', () => ended(new Error('the thread that stores small files has ended')));
  return {
    wake: () => {
      Atomics.add(control, CONTROL.bell, 1);
      if (Atomics.load(control, CONTROL.asleep) === 1) Atomics.notify(control, CONTROL.bell);
    },
    keepsAlive: (keeps) => {
      if (keeps) worker.ref();
      else worker.unref();
    },
  };
};
