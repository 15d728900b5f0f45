/**
 * `sluice serve --workers`: the process that starts the workers. It listens and hands each socket to one of them, has the
 * one log and the one port for metrics, takes the signals, and owns what the workers share. It reads nothing that a peer
 * sends.
 */
import { delay, firstValueFrom, lastValueFrom, ReplaySubject, takeUntil, tap } from 'rxjs';
import { openFileLimit } from '../../../server/bounds.ts';
import { ownLimits } from '../../../server/workers/limits-owner.ts';
import type { Owned } from '../../../server/workers/owned.ts';
import { warnings } from '../../settings/checks.ts';
import type { Configuration } from '../../settings/configuration.ts';
import { isSecurePage, limitsOf, workersOf } from '../../settings/limits.ts';
import { exitError } from '../../shared/exit-error.ts';
import { exitStatus } from '../../shared/exit-status.ts';
import { listenExitError } from '../../shared/fault-words.ts';
import { createOutput } from '../../shared/output.ts';
import { endingSignals } from '../../shared/signals.ts';
import { openAccess } from '../access.ts';
import { openCredentials } from '../credentials.ts';
import type { Reloadable } from '../reload.ts';
import { finishing, logStopped, printListening } from '../said.ts';
import { openWantedEvents } from '../wanted-events.ts';
import { orderOf } from './order.ts';
import { ownChanges } from './own-changes.ts';
import { ownRoot } from './own-root.ts';
import { placeCount, placesOf } from './places.ts';
import { createTeam } from './team.ts';
import { watchTeam } from './watch-team.ts';

/** Milliseconds in which connections that the system has accepted are still handed out at the end. */
const ACCEPT_TAIL_MS = 10;
/** Milliseconds that a worker may take to close what it has open, beyond the grace time. */
const CLOSE_MAX_MS = 5_000;

export async function runPrimary(configuration: Configuration, isTraced: boolean): Promise<void> {
  const { settings } = configuration;
  const size = workersOf(settings);
  const openFiles = openFileLimit();
  // The workers read them too. Here they are read first, so that what is wrong with them is said once.
  const access = await openAccess(configuration);
  const credentials = await openCredentials(configuration);
  const { createServerLog } = await import('../server-log.ts');
  const log = createServerLog({ level: settings.logLevel });
  const shutdown$ = new ReplaySubject<void>(1);
  let outputFault: string | null = null;
  const output = createOutput({
    onWriteFault: (why) => {
      outputFault = why;
      shutdown$.next();
    },
  });
  // What exists once for all workers. Each of these answers calls of the workers by its own names.
  const limits = ownLimits(limitsOf(configuration, openFiles), size);
  const root = ownRoot(settings, access?.file.quotas ?? null);
  const events = settings.store === null ? await openWantedEvents(settings) : null;
  const owned: readonly Owned[] = [
    limits,
    ...(root === null ? [] : [root]),
    ...(events?.changes === undefined ? [] : [ownChanges(events.changes)]),
  ];
  const order = orderOf(configuration, isTraced);
  const team = createTeam({ size, places: placeCount(settings), order, owned, log });
  const handedOut$ = placesOf(settings).pipe(
    takeUntil(shutdown$.pipe(delay(ACCEPT_TAIL_MS))),
    tap(({ place, event }) => {
      if (event.type === 'handle') return team.hand({ place, handle: event.handle });
      if (event.type === 'accept-failed') return log.event(event);
      const { address, port } = event;
      team.listening({ place, address, port });
      const url = `${isSecurePage(settings) ? 'https' : 'http'}://${address}/`;
      printListening(place === 'page' ? url : address, settings.store ?? settings.dir, output, log);
    }),
  );
  let isStopping = false;
  shutdown$.subscribe(() => {
    isStopping = true;
  });
  const atOnce = () => {
    team.kill();
    log.closeSync();
  };
  const signals = endingSignals(atOnce).subscribe((signal) => {
    log.info(finishing(signal));
    shutdown$.next();
  });
  const reloadable = [credentials, access?.reloadable].filter((each): each is Reloadable => each != null);
  const watched = watchTeam({ settings, team, reloadable, shutdown$, log, deliveries: events });
  try {
    for (const warning of configuration.warnings) log.warn(warning);
    for (const warning of warnings(configuration, openFiles)) log.warn(warning);
    for (const warning of access?.file.warnings ?? []) log.warn(warning);
    await watched.start();
    await events?.start(log);
    await Promise.race([team.start(), firstValueFrom(shutdown$)]);
    if (!isStopping) await lastValueFrom(handedOut$, { defaultValue: undefined });
    logStopped(await team.stop(settings.grace + CLOSE_MAX_MS), log);
    if (outputFault !== null) throw exitError(exitStatus.failed, outputFault);
  } catch (thrown) {
    await team.stop(CLOSE_MAX_MS);
    throw listenExitError(thrown);
  } finally {
    root?.close();
    await events?.close();
    await watched.stop();
    await log.close();
    signals.unsubscribe();
  }
}
