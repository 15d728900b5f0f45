import { fc, test as property } from '@fast-check/vitest';
import { expect } from 'vitest';
import { createJobQueue } from '../../../src/client/pool/job-queue.ts';

interface Job {
  readonly name: number;
  over: boolean;
}

const step = fc.oneof(
  fc.constantFrom('push', 'pushAgain', 'first', 'shift'),
  fc.record({ giveUp: fc.nat(30) }),
);

property.prop([fc.array(step, { maxLength: 60 })])(
  'a job that was begun before goes first, else the one that came first, and one that was given up never',
  (steps) => {
    const line = createJobQueue<Job>();
    const jobs: Job[] = [];
    let model: { again: Job[]; queue: Job[] } = { again: [], queue: [] };
    const waiting = () => [...model.again, ...model.queue].filter(({ over }) => !over);
    for (const step of steps) {
      if (step === 'push' || step === 'pushAgain') {
        const job = { name: jobs.length, over: false };
        jobs.push(job);
        model[step === 'push' ? 'queue' : 'again'].push(job);
        line[step](job);
      } else if (step === 'first') {
        expect(line.first()).toBe(waiting()[0] ?? null);
      } else if (step === 'shift') {
        const gone = waiting()[0];
        const without = (list: Job[]) => list.filter((job) => job !== gone);
        model = { again: without(model.again), queue: without(model.queue) };
        line.shift();
      } else if (typeof step === 'object') {
        const job = jobs[step.giveUp];
        if (job !== undefined) job.over = true;
      }
    }
    expect(line.takeAll()).toEqual(waiting());
    expect(line.first()).toBeNull();
  },
);
