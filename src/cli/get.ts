/** `sluice get`: fetches files and whole folders. */
import { type Command, Option } from 'commander';
import { download } from './download.ts';
import { exitStatus, exitStatusHelp } from './exit-status.ts';
import { planGet } from './get-plan.ts';
import { beginLocalFile, type LocalFile, type LocalFileOptions, removeTemporaries } from './local-file.ts';
import { wholeNumber } from './numbers.ts';
import { createOutput, type Output } from './output.ts';
import { createReport } from './report.ts';
import { quietReport } from './report-lines.ts';
import { addServerOption, connection$, type ServerFlags, serverHelp, tokenOf } from './server-option.ts';
import { exitOnSignal } from './signals.ts';
import { misuse, stop } from './stop.ts';
import { withClient } from './with-client.ts';

interface GetFlags extends ServerFlags {
  readonly out: string;
  readonly recursive?: boolean;
  readonly parallel: number;
  readonly retries: number;
  readonly json?: boolean;
  readonly quiet?: boolean;
}

const help = `
A NAME that ends in / stands for everything below it. Files go where "cp -r"
would put them: into --out when that is a folder or ends in /, else --out is the
name they get. "/" is everything there is.

Each file is written under a temporary name beside its target, and renamed when
it is whole; a file of that name is replaced. Modification times are kept.

What arrives is compared with the CRC-32 that the server knows of the file. A
connection that breaks is made again, after a while that grows with each try;
--retries tries that achieve nothing end it. Of a file of more than 8 MiB, what
has arrived is kept beside its target (.sluice-….part), and the same command,
run again, goes on there if the file on the server is still the same.

--json prints one object a line, told apart by "event": expect, progress,
received, refused, failed, retry, and at the end summary.
${serverHelp}

Examples:
  sluice get photos/a.jpg --from :8080                 to ./a.jpg
  sluice get photos/a.jpg --from :8080 --out b.jpg
  sluice get photos/ --from :8080                      to ./photos/…
  sluice get photos/ --from :8080 --out copy           to copy/…, or copy/photos/… if copy is there
  sluice get log.txt --from :8080 --out - | grep error
${exitStatusHelp}`;

export function addGet(program: Command): void {
  const command = program
    .command('get')
    .summary('fetch files and folders')
    .description('Fetches files and whole folders.')
    .argument('<NAME...>', 'names of files; with a / at the end, of folders');
  addServerOption(command, 'from')
    .option('-o, --out <PATH>', 'where to put it; - is stdout', '.')
    .option('-r, --recursive', 'a NAME may be that of a folder without a / at its end')
    .addOption(new Option('--parallel <N>', 'connections at once').argParser(wholeNumber(1, 64)).default(1))
    .addOption(
      new Option('--retries <N>', 'further tries after one that achieved nothing')
        .argParser(wholeNumber(0, 1_000_000))
        .default(5),
    )
    .option('--json', 'print JSON, one object a line')
    .option('-q, --quiet', 'print only what goes wrong')
    .addHelpText('after', help)
    .action(run);
}

async function run(names: readonly string[], flags: GetFlags): Promise<void> {
  const toStdout = flags.out === '-';
  if (toStdout && flags.json) throw misuse('--json and --out - would both print to stdout');
  const output = createOutput();
  const report = toStdout ? quietReport(output) : createReport(flags, output, 'received');
  const signals = exitOnSignal(() => {
    report.abandon();
    removeTemporaries();
  });
  try {
    await withClient(flags, output, async (client) => {
      const since = performance.now();
      const wish = { names, recursive: flags.recursive === true, out: toStdout ? null : flags.out };
      const plan = await planGet(client, wish);
      const { files } = plan;
      report.expect(
        files.length + plan.failed.length,
        files.reduce((sum, { size }) => sum + size, 0),
      );
      for (const { name, failure } of plan.failed) {
        report.failed({ path: '', filename: name, size: 0 }, failure);
      }
      const { retries, parallel } = flags;
      const got = await download(files, {
        connect$: connection$(flags),
        ...{ token: tokenOf(flags), retries, parallel, report },
        begin: toStdout ? (options: LocalFileOptions) => printed(options, output) : beginLocalFile,
        prints: toStdout,
        gone: output.gone,
      });
      if (toStdout && output.gone()) throw stop(exitStatus.success);
      const failed = got.failed + plan.failed.length + (got.lost?.files ?? 0);
      const seconds = Math.round(performance.now() - since) / 1000;
      report.end({ files: got.files, bytes: got.bytes, failed, seconds });
      if (got.lost !== null) {
        const message = `${got.lost.why}: ${got.lost.files} of ${files.length} files were not received`;
        throw stop(exitStatus.connection, message);
      }
      if (failed > 0) throw stop(exitStatus.failed);
    });
  } catch (thrown) {
    report.abandon();
    throw thrown;
  } finally {
    signals.unsubscribe();
  }
}

/** A file that goes to stdout. What was printed cannot be taken back. */
function printed({ again, written }: LocalFileOptions, output: Output): LocalFile {
  if (again) throw new Error('the file changed on the server while it was being printed');
  let last = Promise.resolve();
  return {
    write: (bytes) => {
      last = output.bytes(bytes).then(() => written(bytes.length));
    },
    finish: () => last,
    abort: () => {},
    discard: () => {},
  };
}
