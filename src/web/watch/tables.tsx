/** The short tables: outcomes and latencies by command, the last refusals, quotas, and the store. */
import type { ComponentChildren } from 'preact';
import type {
  ShownHealth,
  ShownQuota,
  ShownRefusal,
  ShownSink,
  WatchSample,
} from '../../files/protocol/watching.ts';
import { bytes, count } from '../shell/words.ts';
import { clock, milliseconds, part } from './amounts.ts';

export function Commands({ sample }: { readonly sample: WatchSample }) {
  const commands = Object.entries(sample.outcomes);
  return (
    <section class="card" aria-label="Requests by command">
      <h2>Requests</h2>
      {commands.length === 0 && <p class="hint">There was none yet.</p>}
      {commands.length > 0 && (
        <Scrolls label="Table of requests">
          <table class="plain">
            <thead>
              <tr>
                <th scope="col">Command</th>
                <th scope="col">Outcomes</th>
                <th scope="col" class="number">
                  Median
                </th>
                <th scope="col" class="number">
                  99th
                </th>
              </tr>
            </thead>
            <tbody>
              {commands.map(([cmd, outcomes]) => {
                const latency = sample.latencies[cmd];
                return (
                  <tr key={cmd}>
                    <th scope="row">{cmd}</th>
                    <td>
                      {Object.entries(outcomes).map(([outcome, times]) => (
                        <span key={outcome} class={outcome === 'served' ? 'outcome' : 'outcome fault'}>
                          {outcome} {count(times)}
                        </span>
                      ))}
                    </td>
                    <td class="number">{latency && milliseconds(latency.p50)}</td>
                    <td class="number">{latency && milliseconds(latency.p99)}</td>
                  </tr>
                );
              })}
            </tbody>
          </table>
        </Scrolls>
      )}
      <p class="hint">Outcomes since the server began; times over the last minute.</p>
    </section>
  );
}

/** A box that scrolls must be reachable by keyboard. */
function Scrolls({ label, children }: { readonly label: string; readonly children: ComponentChildren }) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: see above.
    <section class="scrolls" aria-label={label} tabIndex={0}>
      {children}
    </section>
  );
}

export function Refusals({ refusals }: { readonly refusals: readonly ShownRefusal[] }) {
  return (
    <section class="card" aria-label="Last refusals">
      <h2>Last refusals</h2>
      {refusals.length === 0 && <p class="hint">Nothing was refused.</p>}
      <Scrolls label="List of refusals">
        <ol class="refusals">
          {refusals.map(({ number, at, name, remote, cmd, filename, code, message }) => (
            <li key={number}>
              <time dateTime={new Date(at).toISOString()}>{clock(at)}</time> <b>{code}</b>{' '}
              {cmd !== null && `${cmd} `}
              {filename !== null && <q>{filename}</q>} {name ? `${name} ` : ''}
              <span class="hint">{remote}</span>
              <div class="hint">{message}</div>
            </li>
          ))}
        </ol>
      </Scrolls>
    </section>
  );
}

const STATES: Readonly<Record<ShownHealth['status'], string>> = {
  ok: 'The store can be written to.',
  starting: 'The server is starting.',
  draining: 'The server accepts nothing new.',
  unwritable: 'The store cannot be written to.',
};

export function Store({ sample }: { readonly sample: WatchSample }) {
  const { health, quotas, sinks = [], unfinished } = sample;
  const { disk, engines, status, why } = health;
  return (
    <section class="card" aria-label="Store">
      <h2>Store</h2>
      <p class={status === 'unwritable' ? 'fault' : ''}>
        {STATES[status]} {why}
      </p>
      {disk !== null && <Meter label="Disk" used={disk.size - disk.free} of={disk.size} />}
      {unfinished !== null && (
        <p>
          Unfinished uploads: {count(unfinished.count)}, {bytes(unfinished.bytes)}
        </p>
      )}
      {engines !== null && (
        <ul class="engines">
          <li>
            PostgreSQL: {count(engines.postgresql.busy)} of {count(engines.postgresql.connections)}{' '}
            connections in use, {count(engines.postgresql.waiting)} calls wait
            {latencyWords(engines.postgresql.latencyMs)}
          </li>
          <li>
            S3: {count(engines.s3.connections)} connections, {count(engines.s3.waiting)} requests wait
            {latencyWords(engines.s3.latencyMs)}
          </li>
        </ul>
      )}
      {sinks.length > 0 && <h3>Events of files</h3>}
      {sinks.map((sink) => (
        <p key={sink.sink} class={sink.deadLetters > 0 ? 'fault' : ''}>
          {sinkWords(sink)}
        </p>
      ))}
      {quotas.length > 0 && <h3>Quotas</h3>}
      {quotas.map((quota) => (
        <Meter key={quota.prefix} {...quotaMeter(quota)} />
      ))}
    </section>
  );
}

/** @example 'webhook: 12 events wait, the first since 10:15:03; 2 dead letters' */
function sinkWords({ sink, pending, oldest, deadLetters }: ShownSink): string {
  const waits =
    pending === 0 ? 'has all events' : `${count(pending)} ${pending === 1 ? 'event waits' : 'events wait'}`;
  const since = pending === 0 || oldest === null ? '' : `, the first since ${clock(oldest)}`;
  const dead =
    deadLetters === 0 ? '' : `; ${count(deadLetters)} ${deadLetters === 1 ? 'dead letter' : 'dead letters'}`;
  return `${sink}: ${waits}${since}${dead}`;
}

const latencyWords = (ms: number | null): string =>
  ms === null ? '' : `, the last answer took ${milliseconds(ms)}`;

const quotaMeter = ({ prefix, bytes: most, used }: ShownQuota) => ({
  label: prefix === '' ? 'all files' : prefix,
  used,
  of: most,
});

interface MeterProps {
  readonly label: string;
  /** Null while it is counted. */
  readonly used: number | null;
  readonly of: number;
}

/** It fills with what is used. */
function Meter({ label, used, of }: MeterProps) {
  const share = used === null ? 0 : of === 0 ? 1 : used / of;
  return (
    <div class="quota">
      <span>{label}</span>
      <meter aria-label={label} value={share} min={0} max={1} high={0.9} low={0.75} optimum={0} />
      <span class="hint">
        {used === null ? 'being counted' : `${bytes(used)} of ${bytes(of)} used (${part(share)})`}
      </span>
    </div>
  );
}
