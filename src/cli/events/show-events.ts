/** `sluice events list` and `follow`. */
import type { EventsControl } from '../../server/sinks/control-client.ts';
import type { ChangeEvent, DeadLetter, SinkStatus } from '../../store/changes/change-log.ts';
import { exitError, usageError } from '../shared/exit-error.ts';
import { exitStatus } from '../shared/exit-status.ts';
import { formatTime, printable } from '../shared/format.ts';
import { createOutput, type Output } from '../shared/output.ts';
import { type EventsPlace, sinkNamed, withEvents } from './with-events.ts';

interface ListFlags extends Pick<EventsPlace, 'postgresSchema'> {
  readonly sink?: string;
  readonly dead?: true;
  readonly all?: true;
  readonly json?: true;
}

interface FollowFlags extends Pick<EventsPlace, 'postgresSchema'> {
  readonly after?: number;
  readonly json?: true;
}

const PAGE = 500;

export async function list(dir: string, { sink, dead, all, json, postgresSchema }: ListFlags): Promise<void> {
  if (dead && sink === undefined) throw usageError('--dead needs --sink as well');
  if (all && (dead || sink !== undefined))
    throw usageError('--all is for events of everybody: leave --sink away');
  const output = createOutput();
  await withEvents({ dir, postgresSchema }, async (events) => {
    if (all) return await printAfter(events, 0, output, json);
    if (sink === undefined) return await printSinks(events, output, json);
    const { at } = await sinkNamed(events, sink);
    if (!dead) return await printAfter(events, at, output, json);
    for (const letter of await events.deadLetters(sink)) {
      if (json) output.json(letter);
      else output.line(letterLine(letter));
    }
  });
}

async function printAfter(
  events: EventsControl,
  after: number,
  output: Output,
  json: true | undefined,
): Promise<void> {
  let last = after;
  for (;;) {
    const page = await events.read(last, PAGE);
    for (const event of page) print(event, output, json);
    if (page.length === 0 || output.isClosed()) return;
    last = page.at(-1)!.sequence;
  }
}

async function printSinks(events: EventsControl, output: Output, json: true | undefined): Promise<void> {
  const status = await events.status();
  for (const sink of status.sinks) {
    if (json) output.json(sink);
    else output.line(sinkLine(sink));
  }
  if (status.fault !== null) output.error(`the events cannot be kept: ${printable(status.fault)}`);
  if (status.dropped > 0)
    output.error(`changes without an event, since there was no room: ${status.dropped}`);
}

export async function follow(dir: string, { after, json, postgresSchema }: FollowFlags): Promise<void> {
  const output = createOutput();
  await withEvents({ dir, postgresSchema }, async (events) => {
    let last = after ?? (await events.status()).last;
    while (!output.isClosed()) {
      const page = await events.follow(last);
      if (page === null) throw exitError(exitStatus.failed, `no server has ${printable(dir)} open`);
      for (const event of page) print(event, output, json);
      last = page.at(-1)?.sequence ?? last;
    }
  });
}

function print(event: ChangeEvent, output: Output, json: true | undefined): void {
  if (json) output.json(event);
  else output.line(eventLine(event));
}

/** @example '17  2026-01-31 12:00  renamed  5  a.txt -> b.txt' */
function eventLine({ sequence, type, name, from, size, time }: ChangeEvent): string {
  const what = from === undefined ? printable(name) : `${printable(from)} -> ${printable(name)}`;
  return `${sequence}  ${formatTime(time)}  ${type.padEnd(7)}  ${size}  ${what}`;
}

const letterLine = ({ event, reason, again }: DeadLetter): string =>
  `${eventLine(event)}  (${again ? 'to be delivered again' : printable(reason)}; id ${event.id})`;

function sinkLine({ sink, at, pending, oldest, deadLetters }: SinkStatus): string {
  const since = oldest === null ? '' : ` since ${formatTime(oldest)}`;
  return `${sink}  delivered through ${at}, pending ${pending}${since}, dead letters ${deadLetters}`;
}
