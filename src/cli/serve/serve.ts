/** `sluice serve`: receives files into a folder until a signal stops it. */
import type { Command } from 'commander';
import { concatMap, Subject } from 'rxjs';
import { warnings } from '../settings/checks.ts';
import type { Configuration } from '../settings/configuration.ts';
import { addSettings, type Flags, settingsHelp } from '../settings/flags.ts';
import { workersOf } from '../settings/limits.ts';
import { printSettings } from '../settings/print.ts';
import { readSettings } from '../settings/settings.ts';
import { exitError, usageError } from '../shared/exit-error.ts';
import { exitStatus, exitStatusHelp } from '../shared/exit-status.ts';
import { listenExitError } from '../shared/fault-words.ts';
import { createOutput } from '../shared/output.ts';
import { endingSignals, signal$ } from '../shared/signals.ts';
import { reloadAll } from './reload.ts';
import { finishing, logStopped, printListening } from './said.ts';
import { openServing } from './serving.ts';
import { watchServer } from './watch.ts';
import { isWorkerProcess } from './workers/is-worker.ts';

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
  sluice serve --workers auto               one server on all cores
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
  // A worker has the arguments of the process that started it, and gets from it what they mean.
  if (isWorkerProcess()) return await (await import('./workers/worker.ts')).runWorker();
  const read = readSettings({ flags: { ...flags, dir }, env: process.env, cwd: process.cwd() });
  if (!read.ok) throw usageError(read.problems.join('\nsluice: '));
  const isTraced = trace === true;
  if (printConfig) {
    const output = createOutput();
    for (const warning of read.value.warnings) output.error(warning);
    output.line(printSettings(read.value.settings).trimEnd());
  } else if (workersOf(read.value.settings) === 1) await receive(read.value, isTraced);
  else await (await import('./workers/primary.ts')).runPrimary(read.value, isTraced);
}

/** Serves in this process. */
async function receive(configuration: Configuration, isTraced: boolean): Promise<void> {
  const { settings } = configuration;
  const shutdown$ = new Subject<void>();
  const createLog = async () => {
    // Imported only here, since loading it takes as long as a whole `sluice ls`.
    const { createServerLog } = await import('./server-log.ts');
    return createServerLog({ level: settings.logLevel });
  };
  const serving = await openServing({ configuration, isTraced, createLog, shutdown$ });
  const { log, served, access, openFiles, events$ } = serving;
  let outputFault: string | null = null;
  const output = createOutput({
    onWriteFault: (why) => {
      outputFault = why;
      shutdown$.next();
    },
  });
  const watched = watchServer({ settings, served, stats: serving.stats, events$, shutdown$, log });
  const signals = endingSignals(log.closeSync).subscribe((signal) => {
    log.info(finishing(signal));
    shutdown$.next();
  });
  const again$ = signal$('SIGHUP').pipe(concatMap(() => reloadAll(serving.reloadable, log)));
  signals.add(again$.subscribe());
  signals.add(signal$('SIGUSR2').pipe(concatMap(watched.logStatus)).subscribe());
  signals.add(
    events$.subscribe((event) => {
      if (event.type === 'listening') printListening(event.address, served.place, output, log);
      else log.event(event);
    }),
  );
  try {
    for (const warning of configuration.warnings) log.warn(warning);
    for (const warning of warnings(configuration, openFiles)) log.warn(warning);
    for (const warning of access?.file.warnings ?? []) log.warn(warning);
    await watched.start();
    logStopped(await serving.run(), log);
    if (outputFault !== null) throw exitError(exitStatus.failed, outputFault);
  } catch (thrown) {
    throw listenExitError(thrown);
  } finally {
    await serving.close();
    await watched.stop();
    await log.close();
    signals.unsubscribe();
  }
}
