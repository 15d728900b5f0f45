/** `sluice upper`: the first lesson, as a service. */
import type { Command } from 'commander';
import { lastValueFrom, takeUntil, tap } from 'rxjs';
import { formatUpper, serveUpper } from '../demo/upper-case.ts';
import { exitStatusHelp } from './shared/exit-status.ts';
import { listenExitError } from './shared/fault-words.ts';
import { portNumber } from './shared/option-parsers.ts';
import { createOutput } from './shared/output.ts';
import { endingSignals } from './shared/signals.ts';

interface UpperFlags {
  readonly tcp: number;
  readonly udp: number;
  readonly host: string;
}

const help = `
Text is UTF-8; a character that two chunks share survives. SIGINT and SIGTERM
end it.

Examples:
  sluice upper                      then: echo 'größe' | nc -N 127.0.0.1 8081
  sluice upper --tcp 0 --udp 0      on free ports, which it prints
${exitStatusHelp}`;

export function addUpper(program: Command): void {
  program
    .command('upper')
    .summary('answer in upper case (a lesson)')
    .description('Serves TCP and UDP, and answers what it gets in upper case.')
    .option('--tcp <PORT>', 'the TCP port; 0 picks a free one', portNumber, 8081)
    .option('--udp <PORT>', 'the UDP port; 0 picks a free one', portNumber, 9000)
    .option('--host <HOST>', 'the address to listen on', '127.0.0.1')
    .addHelpText('after', help)
    .action(run);
}

async function run({ host, tcp, udp }: UpperFlags): Promise<void> {
  const output = createOutput();
  const events$ = serveUpper({ tcp: { host, port: tcp }, udp: { host, port: udp } }).pipe(
    tap((event) => output.line(formatUpper(event))),
    takeUntil(endingSignals(output.flush)),
  );
  try {
    await lastValueFrom(events$, { defaultValue: undefined });
  } catch (thrown) {
    throw listenExitError(thrown);
  } finally {
    output.flush();
  }
}
