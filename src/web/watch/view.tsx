/** The view of a server at work. Nothing of it is read out by itself: it changes every second. */
import { useEffect, useMemo, useState } from 'preact/hooks';
import type { WatchSample } from '../../files/protocol/watching.ts';
import type { Page } from '../shell/page.ts';
import { connectTo } from '../shell/requests.ts';
import { useObservable } from '../shell/use-observable.ts';
import { bytes, count, duration, rate } from '../shell/words.ts';
import { milliseconds, part, perSecond } from './amounts.ts';
import { Chart } from './chart.tsx';
import { CHARTS } from './charts.ts';
import { Connections } from './connections.tsx';
import { watchFeed } from './feed.ts';
import { createWatch, type WatchState } from './model.ts';
import { Commands, Refusals, Store } from './tables.tsx';

export function WatchView(_: { readonly page: Page }) {
  const [attempt, setAttempt] = useState(0);
  const model = useMemo(() => createWatch(watchFeed(() => connectTo('watch'))), [attempt]);
  useEffect(() => model.stop, [model]);
  const state = useObservable(model.state$, model.state());
  const { is, why, opening, sample, points, refusals } = state;
  // What has not changed is not drawn again, while the table is.
  const figures = useMemo(() => <Figures opening={opening} sample={sample} />, [opening, sample]);
  const charts = useMemo(() => <Charts points={points} />, [points]);
  const cards = useMemo(() => sample && <Cards sample={sample} refusals={refusals} />, [sample, refusals]);
  if (is === 'refused')
    return (
      <p class="fault centred" role="alert">
        The server cannot be watched: {why}.{' '}
        <button type="button" onClick={() => setAttempt(attempt + 1)}>
          Try again
        </button>
      </p>
    );
  if (sample === null)
    return (
      <p class="hint centred">
        {is === 'lost' ? 'The server does not answer. Trying again…' : 'Asking the server…'}
      </p>
    );
  return (
    <div class="watch">
      {is === 'lost' && (
        <p class="fault" role="status">
          The connection is lost: what is shown is old. Trying again…
        </p>
      )}
      {figures}
      {charts}
      <Connections state={state} model={model} />
      {cards}
    </div>
  );
}

function Charts({ points }: Pick<WatchState, 'points'>) {
  return (
    <section class="charts" aria-label="The last ten minutes">
      {CHARTS.map((spec) => (
        <Chart key={spec.title} spec={spec} points={points} />
      ))}
    </section>
  );
}

function Cards({ sample, refusals }: { readonly sample: WatchSample } & Pick<WatchState, 'refusals'>) {
  return (
    <div class="cards">
      <Commands sample={sample} />
      <Store sample={sample} />
      <Refusals refusals={refusals} />
    </div>
  );
}

/** The numbers of now. */
function Figures({ opening, sample }: Pick<WatchState, 'opening' | 'sample'>) {
  if (opening === null || sample === null) return null;
  const { point } = sample;
  const { limits, since, worker } = opening;
  // With several workers the limit is that of all of them.
  const most = limits.connections === null || worker !== undefined ? '' : ` of ${count(limits.connections)}`;
  const figures: readonly (readonly [string, string])[] = [
    ['Connections', `${count(point.connections)}${most}`],
    ['Received', rate(point.received)],
    ['Sent', rate(point.sent)],
    ['Requests', perSecond(point.requests)],
    [
      'Median, 99th',
      point.p50 === null ? '–' : `${milliseconds(point.p50)}, ${milliseconds(point.p99 ?? 0)}`,
    ],
    ['Event loop', milliseconds(point.loop)],
    ['Held for peers', `${bytes(point.unsettled)} (${part(point.unsettled / limits.memory)})`],
    ['Memory', bytes(point.rss)],
    ['Up', duration((point.at - since) / 1e3)],
    ...(worker === undefined ? [] : [['Worker, alone', `${worker.number} of ${worker.of}`] as const]),
  ];
  return (
    <dl class="figures" aria-live="off">
      {figures.map(([title, value]) => (
        <div key={title}>
          <dt>{title}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}
