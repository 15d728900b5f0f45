/** `sluice serve`: receives files into a folder until it is told to stop. */
import { resolve } from 'node:path';
import { type Command, Option } from 'commander';
import { lastValueFrom, Subject, tap } from 'rxjs';
import { serve } from '../server/serve.ts';
import { openDiskStore } from '../store/disk-store.ts';
import { listenTcp } from '../transport/tcp.ts';
import { exitStatus, exitStatusHelp } from './exit-status.ts';
import { stopForListening } from './listening.ts';
import { portNumber, seconds } from './numbers.ts';
import { endingSignals } from './signals.ts';
import { stop } from './stop.ts';

interface ServeFlags {
  readonly host: string;
  readonly port: number;
  readonly durability: 'fsync' | 'os';
  /** Milliseconds. */
  readonly grace: number;
}

const help = `
Prints "listening on HOST:PORT" on stdout once it accepts connections. The log
goes to stderr: a line for each stored file, each refusal and each trouble;
readable on a terminal, one JSON object a line otherwise.

SIGTERM and SIGINT stop it in good order: it accepts no more, finishes what runs
within the grace time, and exits 0. A second signal ends it at once.

Examples:
  sluice serve                              receive into ./uploads, for this machine only
  sluice serve /srv/files --host 0.0.0.0    for the whole network
  sluice serve --port 0                     on any free port
  sluice serve --durability os 2>> log      faster: acknowledge what the system has, not the disk
${exitStatusHelp}`;

export function addServe(program: Command): void {
  program
    .command('serve')
    .summary('receive files into a folder')
    .description(
      'Receives files over TCP into a folder: atomically, and durably before they are acknowledged.',
    )
    .argument('[DIR]', 'the folder; made if it is missing', 'uploads')
    .option('--host <HOST>', 'the address to listen on; 0.0.0.0 or :: for all', '127.0.0.1')
    .option('--port <PORT>', 'the port to listen on; 0 picks a free one', portNumber, 8080)
    .addOption(
      new Option('--durability <HOW>', 'acknowledge what is on the disk, or what the system has')
        .choices(['fsync', 'os'])
        .default('fsync'),
    )
    .addOption(
      new Option('--grace <SECONDS>', 'how long running requests may take to finish at the end')
        .argParser(seconds)
        .default(10_000, '10'),
    )
    .addHelpText('after', help)
    .action(run);
}

async function run(dir: string, flags: ServeFlags): Promise<void> {
  const opened = await openDiskStore(dir, { durability: flags.durability });
  if (!opened.ok) throw stop(exitStatus.failed, opened.error.message);
  const store = opened.value;
  // Only here, since loading it takes as long as a whole `sluice ls`.
  const { serverLog } = await import('./server-log.ts');
  const log = serverLog();
  const drain$ = new Subject<void>();
  const signals = endingSignals(log.closeSync).subscribe((signal) => {
    log.info(`${signal}: finishing what runs; once more to end at once`);
    drain$.next();
  });
  const events$ = serve({
    connections$: listenTcp({ host: flags.host, port: flags.port }),
    store,
    limits: { grace: flags.grace },
    drain$,
  });
  try {
    const told$ = events$.pipe(
      tap((event) => {
        if (event.type === 'listening') {
          process.stdout.write(`listening on ${event.address}\n`);
          log.info(`receiving into ${resolve(dir)}; Ctrl-C ends it`);
        } else log.event(event);
      }),
    );
    await lastValueFrom(told$, { defaultValue: undefined });
    log.info('stopped');
  } catch (thrown) {
    throw stopForListening(thrown);
  } finally {
    await store.close();
    await log.close();
    signals.unsubscribe();
  }
}
