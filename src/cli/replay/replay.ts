/** `sluice replay`: serves, verifies or sends a recording again, or makes a test of it. */
import { type Command, Option } from 'commander';
import { lengthFieldOptions, presetName } from '../inspect/options.ts';
import { DAY_MS } from '../settings/setting-types.ts';
import { usageError } from '../shared/exit-error.ts';
import { duration } from '../shared/option-parsers.ts';
import { createOutput } from '../shared/output.ts';
import { parseServer } from '../shared/server-address.ts';
import { resolveNames } from '../shared/server-option.ts';
import { exitOnSignal } from '../shared/signals.ts';
import { addTlsOptions } from '../shared/tls-option.ts';
import { compareReplies } from './compare.ts';
import { dryRun } from './dry-run.ts';
import type { ReplayFlags } from './flags.ts';
import { replayHelp } from './help.ts';
import { chunking, only, speed } from './options.ts';
import { captureExitError, openCapture } from './read.ts';
import { ownPipeline } from './write-test/own-pipeline.ts';
import { testPath } from './write-test/test-paths.ts';
import { writeTest } from './write-test/write-test.ts';

export function addReplay(program: Command): void {
  const command = program
    .command('replay')
    .summary('serve, verify or send again what was recorded')
    .description('Replays the connections of a packet capture.')
    .argument('<FILE>', 'a packet capture; - is stdin')
    .hook('preAction', resolveNames)
    .addOption(
      new Option('--to <SERVER>', 'send to this server, HOST:PORT, unix:/path or NAME:')
        .argParser(parseServer)
        .conflicts(['verify', 'with']),
    )
    .option('--verify', 'compare the replies with the recorded ones')
    .option('--with <DIR>', 'the files that were there before')
    .option('--only <WHICH>', 'a conversation, or an address', only)
    .addOption(
      new Option('--speed <SPEED>', 'asap, recorded, or so many times as fast')
        .argParser(speed)
        .default('asap'),
    )
    .addOption(
      new Option('--max-idle <TIME>', 'cut longer pauses to this').argParser(duration(0, 365 * DAY_MS)),
    )
    .addOption(
      new Option('--chunking <HOW>', 'recorded, bytes, whole or random[:SEED]')
        .argParser(chunking)
        .default('recorded'),
    )
    .addOption(
      new Option('--preset <NAME>', 'how replies are framed (--to, --write-test)')
        .argParser(presetName)
        .conflicts(['verify', 'with']),
    )
    .addOption(
      new Option('--length-field <SPEC>', 'the same by a length field: KEY=VALUE,…')
        .argParser(lengthFieldOptions)
        .conflicts(['verify', 'with', 'preset']),
    )
    .addOption(
      new Option('--write-test <OUT>', 'write a test for vitest: NAME.test.ts')
        .argParser(testPath)
        .conflicts(['to', 'verify', 'speed', 'maxIdle', 'chunking', 'wait', 'timeout']),
    )
    .addOption(
      new Option('--pipeline <MODULE#NAME>', 'what answers in that test: an export of yours')
        .argParser(ownPipeline)
        .conflicts(['with']),
    )
    .option('--force', 'replace a test that is there already')
    .addOption(
      new Option('--wait <TIME>', 'for a reply that was recorded')
        .argParser(duration(0, 365 * DAY_MS))
        .default(10_000, '10s'),
    )
    .addOption(
      new Option('--timeout <TIME>', 'how long to wait for a connection')
        .argParser(duration(1, DAY_MS))
        .default(10_000, '10s'),
    );
  addTlsOptions(command)
    .option('--json', 'print JSON, one object a line')
    .option('-q, --quiet', 'print only what is not the same, or goes wrong')
    .addHelpText('after', replayHelp)
    .action(run);
}

async function run(file: string, flags: ReplayFlags): Promise<void> {
  if (flags.maxIdle !== undefined && flags.speed === 'asap') {
    throw usageError(
      '--max-idle is for --speed recorded or a number: as fast as possible there are no pauses',
    );
  }
  const { writeTest: test } = flags;
  if (test === undefined && (flags.pipeline !== undefined || flags.force)) {
    throw usageError('--pipeline and --force are for --write-test');
  }
  const output = createOutput();
  const input = openCapture(file, output, !flags.json && !flags.quiet);
  const signals = exitOnSignal(input.end);
  try {
    if (test !== undefined) await writeTest(file, input, { ...flags, writeTest: test }, output);
    else if (flags.to === undefined && !flags.verify) await dryRun(file, input, flags, output);
    else await compareReplies(file, input, flags, output);
  } catch (thrown) {
    throw captureExitError(thrown);
  } finally {
    input.end();
    output.flush();
    signals.unsubscribe();
  }
}
