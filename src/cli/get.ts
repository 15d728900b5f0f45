/** `sluice get`: fetches files and whole folders. */
import type { Command } from 'commander';
import { firstValueFrom } from 'rxjs';
import { describeFault, isClientFault } from '../client/client-fault.ts';
import { createDownloads } from '../client/downloads.ts';
import { crc32 } from '../store/crc32.ts';
import { ahead, download } from './download.ts';
import { exitStatus, exitStatusHelp } from './exit-status.ts';
import { planGet } from './get-plan.ts';
import { beginLocalFile, type LocalFile, type LocalFileOptions, removeTemporaries } from './local-file.ts';
import { createOutput, type Output } from './output.ts';
import { createReport } from './report.ts';
import { quietReport } from './report-lines.ts';
import { addRetryOptions, type RetryFlags, tellRetries } from './retrying.ts';
import { addServerOption, connection$, type ServerFlags, serverHelp, tokenOf } from './server-option.ts';
import { exitOnSignal } from './signals.ts';
import { misuse, stop } from './stop.ts';
import type { Transfer } from './transfer.ts';
import { stopFor } from './with-client.ts';
import { printable } from './words.ts';

interface GetFlags extends ServerFlags, RetryFlags {
  readonly out: string;
  readonly recursive?: boolean;
  readonly json?: boolean;
  readonly quiet?: boolean;
}

const help = `
A NAME that ends in / stands for everything below it. Files go where "cp -r"
would put them: into --out when that is a folder or ends in /, else --out is the
name they get. "/" is everything there is.

Each file is written under a temporary name beside its target, and renamed when
it is whole; a file of that name is replaced, missing folders are made, and
modification times are kept. What came is checked against the CRC-32 that the
server tells, where it knows it.

A connection that breaks is made again, --retries times in a row. What has come of
a file over 8 MiB is kept beside its target, as .sluice-….part, so that only the
rest is fetched then, or by the same command at a later time, unless the server's
file has changed meanwhile.

--json prints one object a line, told apart by "event": expect, progress,
retry, received, refused, failed, and at the end summary.
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
  addRetryOptions(addServerOption(command, 'from'))
    .option('-o, --out <PATH>', 'where to put it; - is stdout', '.')
    .option('-r, --recursive', 'a NAME may be that of a folder without a / at its end')
    .option('--json', 'print JSON, one object a line')
    .option('-q, --quiet', 'print only what goes wrong')
    .addHelpText('after', help)
    .action(run);
}

async function run(names: readonly string[], flags: GetFlags): Promise<void> {
  const connecting$ = connection$(flags);
  const token = tokenOf(flags);
  const toStdout = flags.out === '-';
  if (toStdout && flags.json) throw misuse('--json and --out - would both print to stdout');
  const output = createOutput();
  const report = toStdout ? quietReport(output) : createReport(flags, output, 'received');
  const kept = new Set<Transfer>();
  const goOn = () => {
    for (const { path } of kept) output.trouble(`${printable(path)}: the same command goes on where it was`);
  };
  const signals = exitOnSignal(() => {
    report.abandon();
    removeTemporaries();
    goOn();
  });
  const { retries, parallel } = flags;
  const window = Math.max(2, Math.ceil(ahead / parallel));
  const said = token === null ? {} : { token };
  const downloads = createDownloads({
    connect: () => connecting$,
    ...said,
    retries,
    parallel,
    crc32,
    window,
  });
  tellRetries(downloads.retries$, report);
  try {
    const since = performance.now();
    const wish = { names, recursive: flags.recursive === true, out: toStdout ? null : flags.out };
    const plan = await firstValueFrom(downloads.ask((client) => planGet(client, wish)));
    const { files } = plan;
    report.expect(
      files.length + plan.failed.length,
      files.reduce((sum, { size }) => sum + size, 0),
    );
    for (const { name, failure } of plan.failed) {
      report.failed({ path: '', filename: name, size: 0 }, failure);
    }
    const begin = (options: LocalFileOptions, again: boolean) =>
      toStdout ? printed(options, output, again) : beginLocalFile(options);
    const got = await download(files, {
      downloads,
      report,
      begin,
      keeps: !toStdout,
      kept,
      gone: output.gone,
    });
    if (toStdout && output.gone()) throw stop(exitStatus.success);
    const unasked = files.length - got.files - got.failed;
    const failed = got.failed + plan.failed.length + unasked;
    const seconds = Math.round(performance.now() - since) / 1000;
    report.end({ files: got.files, bytes: got.bytes, failed, seconds });
    if (got.fault !== null) {
      goOn();
      const message = `${describeFault(got.fault)}: ${unasked} of ${files.length} files were not received`;
      throw stop(exitStatus.connection, message);
    }
    downloads.end();
    if (failed > 0) throw stop(exitStatus.failed);
  } catch (thrown) {
    report.abandon();
    downloads.destroy();
    throw isClientFault(thrown) ? stopFor(thrown) : thrown;
  } finally {
    output.flush();
    signals.unsubscribe();
  }
}

/** A file that goes to stdout. */
function printed({ written }: LocalFileOptions, output: Output, again: boolean): LocalFile {
  if (again) throw new Error('what was printed is not what the server has: it has changed meanwhile');
  let last = Promise.resolve();
  return {
    write: (bytes) => {
      last = output.bytes(bytes).then(() => written(bytes.length));
    },
    finish: () => last,
    abort: () => {},
  };
}
