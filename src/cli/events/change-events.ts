/** `sluice events replay` and `drop`. */
import { plainCountOf } from '../../base/units.ts';
import type { EventsControl } from '../../server/sinks/control-client.ts';
import type { DeadLetter } from '../../store/changes/change-log.ts';
import { usageError } from '../shared/exit-error.ts';
import { createOutput } from '../shared/output.ts';
import { answerOf, type EventsPlace, sinkNamed, withEvents } from './with-events.ts';

interface ReplayFlags extends Pick<EventsPlace, 'postgresSchema'> {
  readonly sink: string;
  readonly from?: number;
  /** True: all of them. */
  readonly dead?: true | string;
  readonly dryRun?: true;
}

interface DropFlags extends Pick<EventsPlace, 'postgresSchema'> {
  readonly sink: string;
  readonly through?: number;
  readonly dead?: true | string;
  readonly dryRun?: true;
}

const idOf = (dead: true | string): string | undefined => (dead === true ? undefined : dead);

const deadOf = async (
  events: EventsControl,
  sink: string,
  dead: true | string,
): Promise<readonly DeadLetter[]> =>
  (await events.deadLetters(sink)).filter(({ event }) => dead === true || event.id === dead);

export async function replay(dir: string, flags: ReplayFlags): Promise<void> {
  const { sink, from, dead, dryRun, postgresSchema } = flags;
  if ((from === undefined) === (dead === undefined)) throw usageError('say --from NUMBER, or --dead');
  const output = createOutput();
  await withEvents({ dir, postgresSchema }, async (events) => {
    const { at } = await sinkNamed(events, sink);
    if (dead !== undefined) {
      const count = dryRun
        ? (await deadOf(events, sink, dead)).length
        : answerOf(sink, await events.revive(sink, idOf(dead)));
      return output.line(
        `${sink}: ${plainCountOf(count, 'dead letter')} ${dryRun ? 'would' : 'to'} be delivered again`,
      );
    }
    // What it has not got yet comes anyway.
    if (!dryRun) answerOf(sink, await events.move(sink, Math.min(at, from! - 1)));
    output.line(
      `${sink}: events from ${Math.min(at + 1, from!)} on ${dryRun ? 'would' : 'are to'} be delivered`,
    );
  });
}

export async function drop(dir: string, flags: DropFlags): Promise<void> {
  const { sink, through, dead, dryRun, postgresSchema } = flags;
  const dropped = dryRun ? 'would be dropped' : 'dropped';
  if ((through === undefined) === (dead === undefined)) throw usageError('say --through NUMBER, or --dead');
  const output = createOutput();
  await withEvents({ dir, postgresSchema }, async (events) => {
    const { at } = await sinkNamed(events, sink);
    const { last } = await events.status();
    if (dead !== undefined) {
      const count = dryRun
        ? (await deadOf(events, sink, dead)).length
        : answerOf(sink, await events.forget(sink, idOf(dead)));
      return output.line(`${sink}: ${plainCountOf(count, 'dead letter')} ${dropped}`);
    }
    const to = Math.min(last, Math.max(at, through!));
    if (!dryRun) answerOf(sink, await events.move(sink, to));
    output.line(`${sink}: ${plainCountOf(to - at, 'event')} ${dropped}`);
  });
}
