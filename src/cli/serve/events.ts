/** The events of `sluice serve`: the log of changes beside the store, and who gets them. */
import {
  defer,
  merge,
  type Observable,
  ReplaySubject,
  Subject,
  type Subscription,
  share,
  takeUntil,
} from 'rxjs';
import { messageOf } from '../../base/sluice-error.ts';
import { plainCountOf } from '../../base/units.ts';
import { readAddressRules } from '../../server/sinks/address-rules.ts';
import { commandSink } from '../../server/sinks/command-sink.ts';
import { type ControlServer, serveControl } from '../../server/sinks/control-server.ts';
import { deliver } from '../../server/sinks/deliver.ts';
import { dropped } from '../../server/sinks/dropped.ts';
import type { DeliveryReport, EventSink } from '../../server/sinks/sink.ts';
import { webhookSink } from '../../server/sinks/webhook.ts';
import type { ChangeFeed, ChangeLog, ChangeLogStatus } from '../../store/changes/change-log.ts';
import { type ChangeLogOptions, openChangeLog } from '../../store/changes/open-change-log.ts';
import type { Settings } from '../settings/table.ts';
import { exitError } from '../shared/exit-error.ts';
import { exitStatus } from '../shared/exit-status.ts';
import { printable } from '../shared/format.ts';
import { openNats } from './nats.ts';
import type { ServerLog } from './server-log.ts';
import { secretsIn } from './webhook-secrets.ts';

export interface ServedEvents {
  /** Where a store in a folder records them. Absent when the store is over engines, which keep them themselves. */
  readonly changes?: ChangeLog;
  /** How engines are to keep them. */
  readonly kept: Pick<ChangeLogOptions, 'maxBytes' | 'whenFull'> & { readonly sinks: readonly string[] };
  /** Says what engines have kept. Call it before `start`. */
  readonly use: (feed: ChangeFeed) => void;
  readonly status: () => Promise<ChangeLogStatus>;
  /** What comes of the deliveries. */
  readonly reports$: Observable<DeliveryReport>;
  /** Begins to deliver, and to answer `sluice events`. */
  readonly start: (log: ServerLog) => Promise<void>;
  /** Call it after the store was closed. */
  readonly close: () => Promise<void>;
}

/** Opens the log of changes of a folder. Throws an `ExitError` when it cannot. */
export async function openEvents(settings: Settings): Promise<ServedEvents> {
  const sinks = await sinksOf(settings);
  const { dir, store, durability, eventsBytes: maxBytes, eventsWhenFull: whenFull } = settings;
  const kept = { sinks: sinks.map(({ name }) => name), maxBytes, whenFull };
  // It keeps what comes before there is a log, and no more than one line for each file of the log of events.
  const damaged$ = new ReplaySubject<string>();
  const onDamaged = (what: string) => damaged$.next(what);
  const changes = store === null ? await openLog(dir, { ...kept, durability, onDamaged }) : undefined;
  let feed: ChangeFeed | undefined = changes;
  const feedNow = (): ChangeFeed => {
    if (feed === undefined) throw new Error('nothing says what was kept');
    return feed;
  };
  const closed$ = new Subject<void>();
  const deliveries$ = defer(() => merge(...sinks.map((sink) => deliver(feedNow(), sink))));
  const reports$ = deliveries$.pipe(takeUntil(closed$), share());
  let delivering: Subscription | undefined;
  let control: ControlServer | undefined;
  return {
    ...(changes && { changes }),
    kept,
    use: (given) => {
      feed = given;
    },
    status: () => feedNow().status(),
    reports$,
    start: async (log) => {
      damaged$.subscribe((what) =>
        log.error(`the log of events is damaged, and events may be lost: ${what}`),
      );
      if (changes !== undefined)
        control = await serveControl(changes, dir).catch((error: unknown) => {
          // A file system without sockets, say.
          log.warn(`"sluice events" cannot reach this server: ${messageOf(error)}`);
          return undefined;
        });
      if (whenFull === 'drop')
        dropped(() => feedNow().status())
          .pipe(takeUntil(closed$))
          .subscribe((more) =>
            log.warn(`nobody is told of ${plainCountOf(more, 'change')}: the log of events is full`),
          );
      delivering = reports$.subscribe({
        next: (report) => logReport(log, report),
        error: (thrown) => log.error(`events: ${thrown instanceof Error ? thrown.stack : thrown}`),
      });
    },
    close: async () => {
      closed$.next();
      delivering?.unsubscribe();
      for (const sink of sinks) sink.close?.();
      await control?.close();
      await feed?.close();
    },
  };
}

async function openLog(dir: string, options: ChangeLogOptions): Promise<ChangeLog> {
  const opened = await openChangeLog(dir, options);
  if (opened.ok) return opened.value;
  throw exitError(exitStatus.failed, `events of ${dir}: ${opened.error.message}`);
}

async function sinksOf(settings: Settings): Promise<readonly EventSink[]> {
  const {
    eventsWebhook,
    eventsSecretFile,
    eventsAddresses,
    eventsCommand,
    eventsTimeout: timeoutMs,
  } = settings;
  const sinks: EventSink[] = [];
  if (eventsWebhook !== null) {
    const secrets = eventsSecretFile === null ? [] : await secretsIn(eventsSecretFile);
    const addresses = eventsAddresses === null ? undefined : readAddressRules(eventsAddresses);
    const url = new URL(eventsWebhook);
    sinks.push(webhookSink({ name: 'webhook', url, secrets, timeoutMs, ...(addresses && { addresses }) }));
  }
  if (settings.eventsNats !== null) sinks.push(await openNats(settings));
  if (eventsCommand !== null) sinks.push(commandSink({ name: 'command', command: eventsCommand, timeoutMs }));
  return sinks;
}

function logReport(log: ServerLog, { type, sink, event, attempt, reason, nextMs }: DeliveryReport): void {
  if (type === 'delivered') return;
  const what = `event ${event.id} (${event.type} ${printable(event.name)})`;
  const why = printable(reason ?? '');
  if (type === 'refused') log.error(`${sink}: ${what} was refused for good, and is a dead letter: ${why}`);
  else log.warn(`${sink}: ${what} was not delivered: ${why}; try ${attempt + 1} in ${nextMs} ms`);
}
