/** Counts the events of a server: outcomes by command, latencies, and the last refusals. A few additions an event. */
import { catalogue } from '../../files/protocol/errors.ts';
import { SHOWN_NAME_MAX, type ShownLatency, type ShownRefusal } from '../../files/protocol/watching.ts';
import type { ServerEvent } from '../event.ts';
import {
  addLatency,
  clearLatencies,
  createLatencyHistogram,
  type LatencyHistogram,
  latencyOf,
} from './latency.ts';

/** The refusals that are kept. */
export const REFUSALS_MAX = 50;
/** The latencies of a minute, in so many parts: the oldest part is begun anew. */
const PARTS = 6;

/** The counts of one command. */
interface CommandCounts {
  /** How often it had an outcome, by `served` and codes of the catalogue: at most so many. */
  readonly outcomes: Record<string, number>;
  readonly latencies: readonly LatencyHistogram[];
}

export interface EventCounts {
  /** By command: those that the server knows, and `other`. */
  readonly commands: ReadonlyMap<string, CommandCounts>;
  /** The latencies since the last point. */
  readonly sincePoint: LatencyHistogram;
  refused: number;
  /** The last ones, oldest first, and how many there were ever. */
  readonly refusals: ShownRefusal[];
  refusalsEver: number;
  /** The part of the minute that is counted into now. */
  part: number;
}

export function createEventCounts(commands: readonly { readonly cmd: string }[]): EventCounts {
  const names = new Set([...commands.map(({ cmd }) => cmd), 'other']);
  return {
    commands: new Map(
      [...names].map((name) => [
        name,
        { outcomes: {}, latencies: Array.from({ length: PARTS }, createLatencyHistogram) },
      ]),
    ),
    sincePoint: createLatencyHistogram(),
    refused: 0,
    refusals: [],
    refusalsEver: 0,
    part: 0,
  };
}

/** @param nameOf the name of a connection's principal; null when it has none. */
export function countEvent(
  counts: EventCounts,
  event: ServerEvent,
  nameOf: (connection: string) => string | null,
): void {
  if (event.type === 'served') countAnswer(counts, event.cmd, 'served', event.ms);
  else if (event.type === 'refused') {
    const { cmd, filename, error, connection, remote } = event;
    countAnswer(counts, cmd, Object.hasOwn(catalogue, error.code) ? error.code : 'other', event.ms);
    counts.refused++;
    addRefusal(counts, {
      at: Date.now(),
      connection,
      remote,
      name: nameOf(connection),
      cmd: cmd ?? null,
      filename: filename?.slice(0, SHOWN_NAME_MAX) ?? null,
      code: error.code,
      message: error.message.slice(0, SHOWN_NAME_MAX),
    });
  } else if (event.type === 'turned-away') {
    const { code, connection, remote } = event;
    const { message } = catalogue[code];
    addRefusal(counts, {
      at: Date.now(),
      connection,
      remote,
      name: null,
      cmd: null,
      filename: null,
      code,
      message,
    });
  }
}

function countAnswer(counts: EventCounts, cmd: string | undefined, outcome: string, ms: number): void {
  const { outcomes, latencies } = counts.commands.get(cmd ?? 'other') ?? counts.commands.get('other')!;
  outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
  addLatency(latencies[counts.part]!, ms);
  addLatency(counts.sincePoint, ms);
}

function addRefusal(counts: EventCounts, refusal: Omit<ShownRefusal, 'number'>): void {
  counts.refusals.push({ number: counts.refusalsEver++, ...refusal });
  if (counts.refusals.length > REFUSALS_MAX) counts.refusals.shift();
}

/** The caller calls it every ten seconds. */
export function beginPart(counts: EventCounts): void {
  counts.part = (counts.part + 1) % PARTS;
  for (const { latencies } of counts.commands.values()) clearLatencies(latencies[counts.part]!);
}

/** Those of which there is something to say. */
export function outcomesOf({ commands }: EventCounts): Record<string, Record<string, number>> {
  const shown: Record<string, Record<string, number>> = {};
  for (const [cmd, { outcomes }] of commands)
    if (Object.keys(outcomes).length > 0) shown[cmd] = { ...outcomes };
  return shown;
}

/** Over the last minute. */
export function latenciesOf({ commands }: EventCounts): Record<string, ShownLatency> {
  const shown: Record<string, ShownLatency> = {};
  for (const [cmd, { latencies }] of commands) {
    const latency = latencyOf(latencies);
    if (latency !== null) shown[cmd] = latency;
  }
  return shown;
}
