/** `sluice put`: sends files and whole folders. */
import type { Command } from 'commander';
import { exitStatus, exitStatusHelp } from './exit-status.ts';
import { createOutput } from './output.ts';
import { planPut, topName } from './put-plan.ts';
import { createReport } from './report.ts';
import { sendPlain } from './send-plain.ts';
import { addServerOption, connected, connection$, type ServerFlags, serverHelp } from './server-option.ts';
import { exitOnSignal } from './signals.ts';
import { misuse, stop } from './stop.ts';
import { type Uploaded, upload } from './upload.ts';

interface PutFlags extends ServerFlags {
  readonly as?: string;
  readonly acks: boolean;
  readonly clobber: boolean;
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

Success means: every file is acknowledged by the server with the size and CRC-32
of what was sent. A file that is refused, or that changes while it is being
sent, does not stop the others.

--json prints one object a line, told apart by "event": expect, progress,
stored, refused, failed, skipped, and at the end summary.

--no-acks sends to a peer that never replies: plain headers, and success means
that the peer took every byte and ended the connection in good order. It does
not mean that it kept them.
${serverHelp}

Examples:
  sluice put report.pdf --to 192.168.0.5:8080
  sluice put photos --to :8080                      to this machine, as photos/…
  sluice put photos --to :8080 --as backup          as backup/…
  sluice put *.log --to :8080 --as logs/            as logs/a.log, logs/b.log, …
  sluice put photos --to :8080 --json | jq .event
  sluice put photos --to :9999 --no-acks            to a script that only reads
${exitStatusHelp}`;

export function addPut(program: Command): void {
  const command = program
    .command('put')
    .summary('send files and folders')
    .description('Sends files and whole folders, over one connection.')
    .argument('<PATH...>', 'files and folders');
  addServerOption(command, 'to')
    .option('--as <NAME>', 'the name to store it under; with a / at the end, the folder to put it into')
    .option('--no-clobber', 'refuse to replace what is there')
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
  const settings = { ifAbsent: !flags.clobber };
  const world = { connect: () => connected(connecting$), report, settings };
  const signals = exitOnSignal(report.abandon);
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
