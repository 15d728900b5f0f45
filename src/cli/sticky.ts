/** `sluice sticky`: the second lesson, shown on this machine. */
import { type Command, Option } from 'commander';
import { lastValueFrom, tap } from 'rxjs';
import { formatSticky } from '../demo/sticky-format.ts';
import { sticky } from '../demo/sticky-packets.ts';
import { exitStatusHelp } from './shared/exit-status.ts';
import { duration, wholeNumber } from './shared/option-parsers.ts';
import { createOutput } from './shared/output.ts';

interface StickyFlags {
  readonly count: number;
  /** Milliseconds. */
  readonly pause: number;
}

const WORDS = ['one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine', 'ten'];

const help = `
Sends small messages over the loopback three times, and shows in which chunks
they arrived: one send right after the other, with a pause between them, and
with each message in a frame that says its length.

Examples:
  sluice sticky
  sluice sticky --count 20 --pause 5
${exitStatusHelp}`;

export function addSticky(program: Command): void {
  program
    .command('sticky')
    .summary('show that TCP keeps no boundaries (a lesson)')
    .description('Shows what this system makes of small sends without framing, and with it.')
    .option('--count <N>', 'how many messages', wholeNumber(1, 1000), WORDS.length)
    .addOption(
      new Option('--pause <TIME>', 'between two sends in the second round; milliseconds without a unit')
        .argParser(duration(0, 10_000, 'ms'))
        .default(50, '50ms'),
    )
    .addHelpText('after', help)
    .action(run);
}

async function run({ count, pause }: StickyFlags): Promise<void> {
  const output = createOutput();
  const messages = Array.from({ length: count }, (_, i) => WORDS[i] ?? String(i + 1));
  const shown$ = sticky({ messages, pause }).pipe(tap((event) => output.line(formatSticky(event))));
  await lastValueFrom(shown$, { defaultValue: undefined });
  output.flush();
}
