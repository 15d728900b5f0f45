/**
 * What serves, in the only process or in each worker: the store, who is let in, the connections, the page, recordings.
 * Signals, output and the port of metrics are somebody else's.
 */
import { lastValueFrom, type Observable, Subject, type Subscription, tap } from 'rxjs';
import { formatTrace, type TraceEvent } from '../../actor/trace.ts';
import { openFileLimit } from '../../server/bounds.ts';
import type { ServerEvent } from '../../server/event.ts';
import { serveWith } from '../../server/serve.ts';
import type { ServerStats } from '../../server/status.ts';
import type { WorkerLimits } from '../../server/workers/shared-limits.ts';
import type { ChangeLogStatus, ChangeRecorder } from '../../store/changes/change-log.ts';
import { remoteRecorder } from '../../store/changes/remote-recorder.ts';
import type { Configuration } from '../settings/configuration.ts';
import { limitsOf, workersOf } from '../settings/limits.ts';
import type { Settings } from '../settings/table.ts';
import { printable } from '../shared/format.ts';
import { openAccess, type ServerAccess } from './access.ts';
import { openCredentials } from './credentials.ts';
import { type Handed, listeners } from './listeners.ts';
import { openPage } from './page.ts';
import { openRecording } from './record.ts';
import type { Reloadable } from './reload.ts';
import type { ServerLog } from './server-log.ts';
import { openStore, type ServedStore } from './store.ts';
import { joinEvents, openWantedEvents, type ServedEvents, wantsEvents } from './wanted-events.ts';
import type { WorkerLink } from './workers/link.ts';

export interface ServingDeps {
  readonly configuration: Configuration;
  readonly isTraced: boolean;
  /** Called once what is to be served is open: it takes long to load. */
  readonly createLog: () => Promise<ServerLog>;
  readonly shutdown$: Observable<unknown>;
  /** Where this process is a worker: what it has of the one that started it. */
  readonly worker?: WorkerServing;
}

export interface WorkerServing {
  readonly link: WorkerLink;
  readonly handed: Handed;
  readonly limits: WorkerLimits;
}

export interface Serving {
  readonly configuration: Configuration;
  readonly log: ServerLog;
  readonly served: ServedStore;
  readonly access: ServerAccess | null;
  /** How many descriptors the process may have. */
  readonly openFiles: number;
  readonly reloadable: readonly Reloadable[];
  readonly stats: () => ServerStats;
  /** The events, shared. */
  readonly events$: Observable<ServerEvent>;
  /** The events of files for others, where this process has them; null where nobody wants them, or another one has. */
  readonly deliveries: ServedEvents | null;
  /**
   * Serves until `shutdown$` has emitted and what ran is finished. Resolves with how many connections were cut off, and
   * rejects when it cannot listen.
   */
  readonly run: () => Promise<number>;
  /** Closes all but the log. */
  readonly close: () => Promise<void>;
}

const NO_STATS: ServerStats = { connections: 0, requests: 0, received: 0, sent: 0, unsettled: 0 };

/** The log of changes of all workers, as this one has it; null where nobody wants to know of them. */
const changesOfAll = ({ calls }: WorkerLink, settings: Settings): ChangeRecorder | null =>
  wantsEvents(settings) && settings.store === null ? remoteRecorder(calls) : null;

/** Who gets events, and how far: this process knows, or the one that has the log. */
function sinksOf(events: ServedEvents | null, link: WorkerLink | null) {
  if (events === null && link === null) return undefined;
  const status = events?.status ?? (() => link!.calls.call<ChangeLogStatus>('changesStatus'));
  return async () => (await status()).sinks;
}

/** Of a folder one process has the log. Over engines each is a node, and they take turns. */
const tellsOthers = ({ store }: Settings, isWorker: boolean): boolean => store !== null || !isWorker;

/** Throws an `ExitError` when something cannot be opened. */
export async function openServing(deps: ServingDeps): Promise<Serving> {
  const { configuration, isTraced, shutdown$, worker } = deps;
  const { settings } = configuration;
  const openFiles = openFileLimit();
  const access = await openAccess(configuration);
  const credentials = await openCredentials(configuration);
  const events = tellsOthers(settings, worker !== undefined) ? await openWantedEvents(settings) : null;
  const recorder = worker === undefined ? null : changesOfAll(worker.link, settings);
  const member = recorder === null ? null : await joinEvents(settings.dir);
  const served = await openStore(settings, access?.file.quotas ?? null, {
    ...{ events, recorder, link: worker?.link ?? null },
  });
  const { store } = served;
  const recording = await openRecording(configuration, worker?.link.number ?? null);
  const log = await deps.createLog();
  const undecided = served.deciding?.unanswered$.subscribe((line) => log.warn(line));
  const events$ = new Subject<ServerEvent>();
  let read = () => NO_STATS;
  const stats = () => read();
  const limits = limitsOf(configuration, openFiles);
  const page = await openPage({
    settings,
    credentials,
    openFiles,
    log,
    handed: worker?.handed.page,
    watched: {
      served,
      access: access?.file.access,
      limits,
      sinks: sinksOf(events, recorder === null ? null : worker!.link),
      worker: worker && { number: worker.link.number, of: workersOf(settings) },
      stats,
      events$,
      shutdown$,
    },
  });
  const handed = worker?.handed ?? null;
  const all$ = listeners({ settings, credentials, openFiles, page: page?.connections$, handed });
  const options = {
    connections$: recording.recorded(worker?.limits.admitted(all$) ?? all$),
    store,
    ...(access && { access: access.file.access }),
    limits,
    shutdown$,
    stats: (reader: () => ServerStats) => {
      read = reader;
    },
    ...(isTraced && { trace: (event: TraceEvent) => log.info(printable(formatTrace(event))) }),
  };
  const parts = { registry: page?.registry ?? null, limits: worker?.limits ?? null };
  const running$ = serveWith(options, parts).pipe(tap((event) => events$.next(event)));
  let recordingLog: Subscription | undefined;
  return {
    configuration,
    log,
    served,
    access,
    openFiles,
    reloadable: [credentials, access?.reloadable].filter((each): each is Reloadable => each != null),
    stats,
    events$,
    deliveries: events,
    run: async () => {
      let cut = 0;
      await events?.start(log);
      recordingLog = recording.logTo(log);
      const counting = events$.subscribe((event) => {
        if (event.type === 'cut') cut++;
      });
      await lastValueFrom(running$, { defaultValue: undefined }).finally(() => counting.unsubscribe());
      return cut;
    },
    close: async () => {
      page?.close();
      await recording.close();
      await store.close();
      await member?.leave();
      await events?.close();
      undecided?.unsubscribe();
      recordingLog?.unsubscribe();
    },
  };
}
