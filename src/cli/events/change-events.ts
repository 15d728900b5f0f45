/** `sluice events replay` and `drop`. */
import { plainCountOf } from '../../base/units.ts';
import { usageError } from '../shared/exit-error.ts';
import { createOutput } from '../shared/output.ts';
import { answerOf, type EventsPlace, sinkNamed, withEvents } from './with-events.ts';

interface ReplayFlags extends Pick<EventsPlace, 'postgresSchema'> {
  readonly sink: string;
  readonly from?: number;
  /** True: all of them. */
  readonly dead?: true | string;
}

interface DropFlags extends Pick<EventsPlace, 'postgresSchema'> {
  readonly sink: string;
  readonly through?: number;
  readonly dead?: true | string;
}

const idOf = (dead: true | string): string | undefined => (dead === true ? undefined : dead);

export async function replay(dir: string, { sink, from, dead, postgresSchema }: ReplayFlags): Promise<void> {
  if ((from === undefined) === (dead === undefined)) throw usageError('say --from NUMBER, or --dead');
  const output = createOutput();
  await withEvents({ dir, postgresSchema }, async (events) => {
    const { at } = await sinkNamed(events, sink);
    if (dead !== undefined) {
      const count = answerOf(sink, await events.revive(sink, idOf(dead)));
      return output.line(`${sink}: ${plainCountOf(count, 'dead letter')} to be delivered again`);
    }
    // What it has not got yet comes anyway.
    answerOf(sink, await events.move(sink, Math.min(at, from! - 1)));
    output.line(`${sink}: events from ${Math.min(at + 1, from!)} on are to be delivered`);
  });
}

export async function drop(dir: string, { sink, through, dead, postgresSchema }: DropFlags): Promise<void> {
  if ((through === undefined) === (dead === undefined)) throw usageError('say --through NUMBER, or --dead');
  const output = createOutput();
  await withEvents({ dir, postgresSchema }, async (events) => {
    const { at } = await sinkNamed(events, sink);
    const { last } = await events.status();
    if (dead !== undefined) {
      const count = answerOf(sink, await events.forget(sink, idOf(dead)));
      return output.line(`${sink}: ${plainCountOf(count, 'dead letter')} dropped`);
    }
    const to = Math.min(last, Math.max(at, through!));
    answerOf(sink, await events.move(sink, to));
    output.line(`${sink}: ${plainCountOf(to - at, 'event')} dropped`);
  });
}
