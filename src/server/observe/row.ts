/** The row of a connection: what its run, its session and its transfers say when they are looked at. */
import { lookAt, type RunLook } from '../../actor/run/look.ts';
import { type ConnectionRow, SHOWN_NAME_MAX, type WaitsFor } from '../../files/protocol/watching.ts';
import type { OpenRequest, SessionState } from '../../files/session/state.ts';
import type { LiveConnection } from './registry.ts';

/** A transfer that is under way. */
interface Shown extends Pick<ConnectionRow, 'cmd' | 'filename' | 'at' | 'size'> {
  readonly waits: WaitsFor;
}

const NOTHING: Shown = { cmd: null, filename: null, at: null, size: null, waits: null };
const NO_RUN: RunLook = {
  received: 0,
  bodies: 0,
  sent: 0,
  isInMessage: false,
  isWriting: false,
  pause: null,
  isMemoryUsedUp: false,
};

/** When a connection was looked at, and what was seen. */
export interface LookedAt {
  readonly row: ConnectionRow;
  /** Milliseconds, of the clock of rates. */
  readonly at: number;
}

/** @param before the last look; undefined when there was none. */
export function rowOf(live: LiveConnection, now: number, before: LookedAt | undefined): ConnectionRow {
  const { id, remote, since, open, run } = live;
  const state = run?.state as SessionState | undefined;
  const look = run === null ? NO_RUN : lookAt(run);
  const { received, sent } = look;
  const seconds = before === undefined ? 0 : (now - before.at) / 1e3;
  const rate = (bytes: number, bytesBefore = 0) =>
    seconds > 0 ? Math.round((bytes - bytesBefore) / seconds) : 0;
  const receivedRate = rate(received, before?.row.received);
  const sentRate = rate(sent, before?.row.sent);
  const shown = open === 0 && !look.isInMessage ? NOTHING : workOf(live, state);
  const isStill = before !== undefined && receivedRate === 0 && sentRate === 0;
  return {
    id,
    remote,
    name: state?.principal?.name ?? null,
    since,
    received,
    sent,
    receivedRate,
    sentRate,
    open,
    cmd: shown.cmd,
    filename: shown.filename,
    at: shown.at,
    size: shown.size,
    waits: waitOf(look, shown, isStill),
  };
}

/** Whether a page that has one row need not be given the other. */
export function isSameRow(row: ConnectionRow, other: ConnectionRow): boolean {
  return (
    row.received === other.received &&
    row.sent === other.sent &&
    row.receivedRate === other.receivedRate &&
    row.sentRate === other.sentRate &&
    row.open === other.open &&
    row.cmd === other.cmd &&
    row.filename === other.filename &&
    row.at === other.at &&
    row.waits === other.waits &&
    row.name === other.name &&
    row.size === other.size
  );
}

/** A transfer, if there is one; else the oldest request. */
function workOf({ transfers }: LiveConnection, state: SessionState | undefined): Shown {
  const requests = state?.requests ?? [];
  for (const [request, { bytes, offset, length, isReading }] of transfers?.sending ?? []) {
    const name = transfers?.sources.get(request)?.source.name;
    const at = offset + bytes;
    return { cmd: 'get', filename: cut(name), at, size: offset + length, waits: isReading ? 'store' : null };
  }
  // The last one: the others have all their bytes, and will be answered soon.
  let shown: Shown | null = null;
  for (const { put } of transfers?.puts.values() ?? []) {
    const { name, options, received, sink, state: at } = put;
    shown = {
      cmd: 'put',
      filename: cut(name),
      at: (options.offset ?? 0) + received,
      size: options.size,
      waits: sink === null ? 'files' : at === 'idle' ? null : 'store',
    };
  }
  return shown ?? requestShown(requests[0]);
}

function requestShown(request: OpenRequest | undefined): Shown {
  if (request === undefined) return NOTHING;
  const { cmd, footprint } = request;
  return { ...NOTHING, cmd, filename: cut(footprint.writes[0] ?? footprint.reads[0]) };
}

function cut(name: string | undefined): string | null {
  if (name === undefined) return null;
  return name.length > SHOWN_NAME_MAX ? `${name.slice(0, SHOWN_NAME_MAX - 1)}…` : name;
}

function waitOf(
  { pause, isMemoryUsedUp, isWriting, isInMessage }: RunLook,
  shown: Shown,
  isStill: boolean,
): WaitsFor {
  switch (pause) {
    case 'bytes':
    case 'messages':
      return 'rate';
    case 'turn':
      return 'turn';
    case 'room':
      return 'memory';
    case 'credit':
      if (isMemoryUsedUp) return 'memory';
      return isWriting && shown.cmd !== 'put' ? 'reader' : 'store';
    case 'actor':
      return shown.waits ?? 'request';
  }
  if (shown.waits === 'files') return 'files';
  if (!isStill) return null;
  if (isWriting) return 'reader';
  if (shown.waits !== null) return shown.waits;
  return isInMessage ? 'sender' : null;
}
