/** `sluice put`: sends files and whole folders. */
import { type Command, Option } from 'commander';
import { resumeFrom } from '../client/uploads.ts';
import { exitStatus, exitStatusHelp } from './exit-status.ts';
import { wholeNumber } from './numbers.ts';
import { createOutput } from './output.ts';
import { planPut, topName } from './put-plan.ts';
import { createReport } from './report.ts';
import { sendPlain } from './send-plain.ts';
import {
  addServerOption,
  connected,
  connection$,
  type ServerFlags,
  serverHelp,
  tokenOf,
} from './server-option.ts';
import { exitOnSignal } from './signals.ts';
import { misuse, stop } from './stop.ts';
import { type Uploaded, upload } from './upload.ts';

interface PutFlags extends ServerFlags {
  readonly as?: string;
  readonly acks: boolean;
  readonly clobber: boolean;
  readonly parallel: number;
  readonly retries: number;
  readonly resume: boolean;
  readonly verify?: 'sha256';
  readonly json?: boolean;
  readonly quiet?: boolean;
}

const help = `
A file is stored under its own name, a folder with everything in it under the
folder's: "put a/photos" stores photos/x, photos/sub/y and so on. --as renames
the top; --as NAME/ puts it below NAME. Existing files are replaced, each at
once. Empty folders are not sent, and permissions are not kept.
Links to files are sent as files; links to folders, and what is neither,
are skipped with a warning. Modification times are kept.

A connection that breaks is made again, after a while that grows with each try;
--retries tries that achieve nothing end it. A file of more than 8 MiB goes on
where it was interrupted, also when the same command is run again later: what
arrived stays on the server for a day, unless it is told otherwise. A file that
has changed in between is noticed, and sent anew.

Success means: every file is acknowledged by the server with the size and CRC-32
of what was sent; with --verify sha256, which reads each file once more, also
with its SHA-256. A file that is refused, or that changes while it is being sent,
does not stop the others.

--json prints one object a line, told apart by "event": expect, progress,
stored, refused, failed, skipped, retry, and at the end summary. In progress,
"bytes" have left this machine and "durable" need never be sent again.

--no-acks sends to a peer that never replies: plain headers, and success means
that the peer took every byte and ended the connection in good order. It does
not mean that it kept them.
${serverHelp}

Examples:
  sluice put report.pdf --to 192.168.0.5:8080
  sluice put photos --to :8080                      to this machine, as photos/…
  sluice put photos --to :8080 --as backup          as backup/…
  sluice put *.log --to :8080 --as logs/            as logs/a.log, logs/b.log, …
  sluice put disk.img --to :8080 --parallel 4 --verify sha256
  sluice put photos --to :8080 --json | jq .event
  sluice put photos --to :9999 --no-acks            to a script that only reads
${exitStatusHelp}`;

export function addPut(program: Command): void {
  const command = program
    .command('put')
    .summary('send files and folders')
    .description('Sends files and whole folders.')
    .argument('<PATH...>', 'files and folders');
  addServerOption(command, 'to')
    .option('--as <NAME>', 'the name to store it under; with a / at the end, the folder to put it into')
    .option('--no-clobber', 'refuse to replace what is there')
    .addOption(new Option('--parallel <N>', 'connections at once').argParser(wholeNumber(1, 64)).default(1))
    .addOption(
      new Option('--retries <N>', 'further tries after one that achieved nothing')
        .argParser(wholeNumber(0, 1_000_000))
        .default(5),
    )
    .option('--resume', 'go on where a file over 8 MiB was interrupted (the default)', true)
    .option('--no-resume', 'send every file from its beginning')
    .addOption(new Option('--verify <HOW>', 'have the server check more than the CRC-32').choices(['sha256']))
    .option('--no-acks', 'the peer never replies')
    .option('--json', 'print JSON, one object a line')
    .option('-q, --quiet', 'print only what goes wrong')
    .addHelpText('after', help)
    .action(run);
}

async function run(paths: readonly string[], flags: PutFlags): Promise<void> {
  const connecting$ = connection$(flags);
  checkNames(paths, flags.as);
  if (!flags.acks && !flags.clobber) throw misuse('--no-clobber needs a server that answers');
  const output = createOutput();
  const report = createReport(flags, output, flags.acks ? 'stored' : 'sent');
  const since = performance.now();
  const plan = planPut(paths, flags.as);
  report.expect(
    plan.files.length + plan.unreadable.length,
    plan.files.reduce((sum, { size }) => sum + size, 0),
  );
  for (const { path, why } of plan.skipped) report.warn(path, why);
  for (const { path, why } of plan.unreadable) {
    report.failed({ path, filename: path, size: 0 }, { message: why });
  }
  const { retries, parallel, resume, verify } = flags;
  const settings = { ifAbsent: !flags.clobber, resume, ...(verify === undefined ? {} : { verify }) };
  const world = {
    connect$: connecting$,
    connect: () => connected(connecting$),
    ...{ token: tokenOf(flags), report, settings, retries, parallel },
  };
  const signals = exitOnSignal(() => {
    report.abandon();
    if (!resume || !flags.acks || !plan.files.some(({ size }) => size >= resumeFrom)) return;
    output.trouble('interrupted: the same command goes on where large files were');
  });
  let sent: Uploaded;
  try {
    sent = await (flags.acks ? upload : sendPlain)(plan.files, world);
  } catch (thrown) {
    report.abandon();
    output.flush();
    throw thrown;
  } finally {
    signals.unsubscribe();
  }
  const failed = sent.failed + plan.unreadable.length + (sent.lost?.files ?? 0);
  const seconds = Math.round(performance.now() - since) / 1000;
  report.end({ files: sent.files, bytes: sent.bytes, failed, seconds });
  output.flush();
  if (sent.lost !== null) {
    const { files, why } = sent.lost;
    throw stop(exitStatus.connection, `${why}: ${files} of ${plan.files.length} files were not confirmed`);
  }
  if (failed > 0) throw stop(exitStatus.failed);
}

/** One name for two things would leave only one of them. */
function checkNames(paths: readonly string[], as: string | undefined): void {
  if (paths.length > 1 && as !== undefined && !as.endsWith('/')) {
    throw misuse(`--as ${as} is one name for ${paths.length} paths: add a / to put them into a folder`);
  }
  const names = new Map<string, string>();
  for (const path of paths) {
    const name = topName(path, as);
    const other = names.get(name);
    if (other !== undefined) throw misuse(`${other} and ${path} would both be stored as ${name}`);
    names.set(name, path);
  }
}
