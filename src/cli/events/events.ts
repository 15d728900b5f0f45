/** `sluice events`: shows the events of files that are kept for others, and has them delivered again, or not at all. */
import type { Command } from 'commander';
import { addDryRunOption } from '../shared/dry-run.ts';
import { exitStatusHelp } from '../shared/exit-status.ts';
import { wholeNumber } from '../shared/option-parsers.ts';
import { drop, replay } from './change-events.ts';
import { follow, list } from './show-events.ts';

const help = `
"sluice serve" keeps what happens to each file, stored, removed or renamed,
until --events-webhook, --events-nats and --events-command have taken it. DIR is
the folder that it serves. While it runs, it is asked; else this command reads
the folder itself, and a server that is started meanwhile waits for it. Of a
store of many nodes, DIR is the --postgres that they have, without a password
(PGPASSWORD, PGPASSFILE); it is asked whether nodes run or not.

What was delivered is kept, too, as long as there is room: it can be replayed.
An event has the same id however often it comes.

Examples:
  sluice events list uploads                       how far everybody is
  sluice events list uploads --sink webhook        what it has not got yet
  sluice events list uploads --sink webhook --dead what it has refused
  sluice events follow uploads --json              what happens from now on
  sluice events replay uploads --sink webhook --from 1
  sluice events replay uploads --sink webhook --dead
  sluice events drop uploads --sink webhook --through 17 --dry-run
  sluice events list postgresql://sluice@db/sluice
${exitStatusHelp}`;

const DIR = ['<DIR>', 'the folder that is served, or postgresql://…'] as const;
const SINK = ['--sink <NAME>', 'who gets the events: webhook, nats or command'] as const;
const MOST = Number.MAX_SAFE_INTEGER;
const SCHEMA = ['--postgres-schema <NAME>', 'that of its tables in a database', 'sluice'] as const;
const JSON_FLAG = ['--json', 'print JSON, one object a line'] as const;

export function addEvents(program: Command): void {
  const command = program
    .command('events')
    .usage('<command>')
    .summary('show, replay or drop events of files')
    .description('Shows the events of files that are kept for others; replays or drops them.')
    .addHelpText('after', help);
  command
    .command('list')
    .summary('list what is kept')
    .description('Lists how far everybody is, or the events that one has not got yet.')
    .argument(...DIR)
    .option(...SCHEMA)
    .option(...SINK)
    .option('--dead', 'those that it has refused for good')
    .option('--all', 'every event that is there')
    .option(...JSON_FLAG)
    .action(list);
  command
    .command('follow')
    .summary('print events as they come')
    .description('Prints the events of a server that runs, as they come.')
    .argument(...DIR)
    .option(...SCHEMA)
    .option('--after <NUMBER>', 'begin behind this one (default: now)', wholeNumber(0, MOST))
    .option(...JSON_FLAG)
    .action(follow);
  const replaying = command
    .command('replay')
    .summary('deliver events again')
    .description('Has events delivered again.')
    .argument(...DIR)
    .option(...SCHEMA)
    .requiredOption(...SINK)
    .option('--from <NUMBER>', 'from this one on', wholeNumber(1, MOST))
    .option('--dead [ID]', 'those that it has refused for good, or one of them')
    .action(replay);
  addDryRunOption(replaying);
  const dropping = command
    .command('drop')
    .summary('deliver events no more')
    .description('Drops events: they are not delivered.')
    .argument(...DIR)
    .option(...SCHEMA)
    .requiredOption(...SINK)
    .option('--through <NUMBER>', 'up to this one', wholeNumber(0, MOST))
    .option('--dead [ID]', 'those that it has refused for good, or one of them')
    .action(drop);
  addDryRunOption(dropping);
}
