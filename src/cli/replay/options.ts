/** Parsers for the options of `sluice replay`. */
import { InvalidArgumentError } from 'commander';
import type { Speed } from '../../capture/replay/pacing.ts';
import type { Chunking } from '../../capture/replay/rechunk.ts';

/** `asap`, `recorded` or a number above 0. */
export function speed(text: string): Speed {
  if (text === 'asap' || text === 'recorded') return text;
  const factor = /^\d+(\.\d+)?$/.test(text) ? Number(text) : 0;
  if (factor > 0) return factor;
  throw new InvalidArgumentError('It must be asap, recorded, or a number above 0, such as 2 or 0.5.');
}

/** `recorded`, `bytes`, `whole`, `random` or `random:SEED`. */
export function chunking(text: string): Chunking {
  if (text === 'recorded' || text === 'bytes' || text === 'whole') return text;
  const random = /^random(?::(-?\d{1,15}))?$/.exec(text);
  if (random !== null) return { seed: Number(random[1] ?? 1) };
  throw new InvalidArgumentError('It must be recorded, bytes, whole, random or random:SEED, a whole number.');
}

/** The index of a conversation, or an address, host or port of one of its ends; may be given again. */
export function only(text: string, before: readonly (number | string)[] = []): (number | string)[] {
  if (text === '') throw new InvalidArgumentError('It must be a number, an address, a host or a :PORT.');
  return [...before, /^\d+$/.test(text) ? Number(text) : text];
}
