/** `sluice serve`: receives files into a folder until a signal stops it. */
import type { Command } from 'commander';
import { concatMap, lastValueFrom, Subject, tap } from 'rxjs';
import { formatTrace, type TraceEvent } from '../../actor/trace.ts';
import { openFileLimit } from '../../server/bounds.ts';
import type { ServerEvent } from '../../server/event.ts';
import { serveObserved } from '../../server/serve.ts';
import { warnings } from '../settings/checks.ts';
import type { Configuration } from '../settings/configuration.ts';
import { addSettings, type Flags, settingsHelp } from '../settings/flags.ts';
import { limitsOf } from '../settings/limits.ts';
import { printSettings } from '../settings/print.ts';
import { readSettings } from '../settings/settings.ts';
import type { Settings } from '../settings/table.ts';
import { exitError, usageError } from '../shared/exit-error.ts';
import { exitStatus, exitStatusHelp } from '../shared/exit-status.ts';
import { listenExitError } from '../shared/fault-words.ts';
import { printable } from '../shared/format.ts';
import { createOutput } from '../shared/output.ts';
import { endingSignals, signal$ } from '../shared/signals.ts';
import { openAccess } from './access.ts';
import { openCredentials } from './credentials.ts';
import type { ServedEvents } from './events.ts';
import { listeners } from './listeners.ts';
import { openPage } from './page.ts';
import { openRecording } from './record.ts';
import { type Reloadable, reloadAll } from './reload.ts';
import { openStore } from './store.ts';
import { watchServer } from './watch.ts';

const help = `${settingsHelp}
Prints "listening on HOST:PORT" on stdout once it accepts connections, and stops
when that cannot be written. The log goes to stderr: a line for each stored
file, each refusal and each trouble; readable on a terminal, one JSON object a
line otherwise. A log that cannot be written does not stop it.

SIGTERM and SIGINT stop it in good order: it accepts no more, finishes what runs
within the grace time, and exits 0. A second signal ends it at once. SIGHUP has
it read its certificates and tokens again. SIGUSR2 has it log its status.

Examples:
  sluice serve                              for this machine, into ./uploads
  sluice serve /srv/files --host 0.0.0.0    for the whole network
  sluice serve --port 0                     on any free port
  sluice serve --durability os 2>> log      faster: not yet on the disk
  sluice serve --store s3://files --postgres postgresql://sluice@db/sluice \\
      --s3-endpoint https://s3.example.org  a node of many over the same files
  sluice serve --web                        a page on http://127.0.0.1:8081/
  sluice serve --trace                      see what happens on each connection
  sluice serve --print-config > sluice.json
  sluice serve --config sluice.json
${exitStatusHelp}`;

export function addServe(program: Command): void {
  const command = program
    .command('serve')
    .summary('receive files into a folder')
    .description(
      'Receives files over TCP into a folder: atomically, and durably before they are acknowledged.',
    );
  addSettings(command).addHelpText('after', help).action(run);
}

async function run(dir: string | undefined, { printConfig, trace, ...flags }: Flags): Promise<void> {
  const read = readSettings({ flags: { ...flags, dir }, env: process.env, cwd: process.cwd() });
  if (!read.ok) throw usageError(read.problems.join('\nsluice: '));
  if (printConfig) {
    const output = createOutput();
    for (const warning of read.value.warnings) output.error(warning);
    output.line(printSettings(read.value.settings).trimEnd());
  } else await receive(read.value, trace === true);
}

/** Null when nobody wants to know of them: then nothing of it is loaded. */
async function openEvents(settings: Settings): Promise<ServedEvents | null> {
  const { eventsWebhook, eventsCommand, eventsNats } = settings;
  if (eventsWebhook === null && eventsCommand === null && eventsNats === null) return null;
  return await (await import('./events.ts')).openEvents(settings);
}

async function receive(configuration: Configuration, isTraced: boolean): Promise<void> {
  const { settings } = configuration;
  const openFiles = openFileLimit();
  const access = await openAccess(configuration);
  const credentials = await openCredentials(configuration);
  const events = await openEvents(settings);
  const served = await openStore(settings, access?.file.quotas ?? null, events);
  const { store } = served;
  const recording = await openRecording(configuration);
  // Imported only here, since loading it takes as long as a whole `sluice ls`.
  const { createServerLog } = await import('./server-log.ts');
  const log = createServerLog({ level: settings.logLevel });
  const shutdown$ = new Subject<void>();
  let outputFault: string | null = null;
  const output = createOutput({
    onWriteFault: (why) => {
      outputFault = why;
      shutdown$.next();
    },
  });
  const seen$ = new Subject<ServerEvent>();
  const watched = watchServer({ settings, served, events$: seen$, shutdown$, log, deliveries: events });
  const limits = limitsOf(configuration, openFiles);
  const page = await openPage({
    settings,
    credentials,
    openFiles,
    log,
    watched: {
      served,
      access: access?.file.access,
      limits,
      stats: watched.read,
      events$: seen$,
      shutdown$,
    },
  });
  const options = {
    connections$: recording.recorded(listeners(settings, credentials, openFiles, page?.connections$)),
    store,
    ...(access && { access: access.file.access }),
    limits,
    shutdown$,
    stats: watched.stats,
    ...(isTraced && { trace: (event: TraceEvent) => log.info(printable(formatTrace(event))) }),
  };
  const events$ = serveObserved(options, page?.registry ?? null);
  const signals = endingSignals(log.closeSync).subscribe((signal) => {
    log.info(`${signal}: finishing what runs; once more to end at once`);
    shutdown$.next();
  });
  const reloadable = [credentials, access?.reloadable].filter((each): each is Reloadable => each != null);
  const again$ = signal$('SIGHUP').pipe(concatMap(() => reloadAll(reloadable, log)));
  signals.add(again$.subscribe());
  signals.add(signal$('SIGUSR2').pipe(concatMap(watched.logStatus)).subscribe());
  let cut = 0;
  signals.add(
    seen$.subscribe((event) => {
      if (event.type === 'cut') cut++;
      if (event.type === 'listening') {
        const isPage = event.address.startsWith('http');
        output.line(`${isPage ? 'page' : 'listening'} on ${event.address}`);
        if (isPage) log.info(`page on ${event.address}`);
        else log.info(`receiving into ${served.place}; Ctrl-C ends it`);
      } else log.event(event);
    }),
  );
  try {
    for (const warning of configuration.warnings) log.warn(warning);
    for (const warning of warnings(configuration, openFiles)) log.warn(warning);
    for (const warning of access?.file.warnings ?? []) log.warn(warning);
    signals.add(recording.logTo(log));
    await watched.start();
    await events?.start(log);
    await lastValueFrom(events$.pipe(tap((event) => seen$.next(event))), { defaultValue: undefined });
    if (cut === 0) log.info('stopped');
    else log.warn(`stopped; connections cut off: ${cut}`);
    if (outputFault !== null) throw exitError(exitStatus.failed, outputFault);
  } catch (thrown) {
    throw listenExitError(thrown);
  } finally {
    page?.close();
    await recording.close();
    await store.close();
    await events?.close();
    await watched.stop();
    await log.close();
    signals.unsubscribe();
  }
}
