/** `sluice replay`: serves, verifies or sends a recording again. */
import { statSync } from 'node:fs';
import { type Command, Option } from 'commander';
import { lastValueFrom, type Observable, takeWhile, tap } from 'rxjs';
import { captureFile } from '../../capture/capture-file.ts';
import { presetReplies } from '../../capture/replay/asked-replies.ts';
import { type LiveResult, verdictOf } from '../../capture/replay/live-result.ts';
import type { PacingOptions, Speed } from '../../capture/replay/pacing.ts';
import type { Chunking } from '../../capture/replay/rechunk.ts';
import { replayTo } from '../../capture/replay/replay-live.ts';
import type { Replies } from '../../capture/replay/replies.ts';
import type { ServerEvent } from '../../server/event.ts';
import { sluiceReplies, verifyReplay } from '../../server/verify-replay.ts';
import { type FolderError, loadFolder } from '../../store/memory/load-folder.ts';
import { type LengthFieldOptions, lengthField } from '../../wire/length-field.ts';
import { presetNamed } from '../../wire/presets.ts';
import { lengthFieldOptions, presetName } from '../inspect/options.ts';
import { DAY_MS } from '../settings/setting-types.ts';
import { exitError, usageError } from '../shared/exit-error.ts';
import { exitStatus, exitStatusHelp } from '../shared/exit-status.ts';
import { printable } from '../shared/format.ts';
import { duration } from '../shared/option-parsers.ts';
import { createOutput, type Output } from '../shared/output.ts';
import { parseServerAddress, type ServerAddress } from '../shared/server-address.ts';
import { connection$ } from '../shared/server-option.ts';
import { exitOnSignal } from '../shared/signals.ts';
import { addTlsOptions, type TlsFlags } from '../shared/tls-option.ts';
import { detectProtocol } from './detect-protocol.ts';
import { chunking, only, speed } from './options.ts';
import { type CaptureInput, captureExitError, nothingFound, openCapture } from './read.ts';
import {
  addResult,
  countsInWords,
  eventInWords,
  noCounts,
  printEvent,
  resultAsJson,
  resultInWords,
  type StoredCounts,
  storedInWords,
} from './report.ts';
import { type OwnPipeline, ownPipeline } from './write-test/own-pipeline.ts';
import { testPath } from './write-test/test-paths.ts';
import { writeTest } from './write-test/write-test.ts';

interface ReplayFlags extends TlsFlags {
  readonly to?: ServerAddress;
  readonly verify?: boolean;
  readonly with?: string;
  readonly only?: readonly (number | string)[];
  readonly speed: Speed;
  /** Milliseconds, as the next two are. */
  readonly maxIdle?: number;
  readonly wait: number;
  readonly timeout: number;
  readonly chunking: Chunking;
  /** Of replies: Sluice's own, a preset's, or `none`. */
  readonly preset?: string;
  readonly lengthField?: LengthFieldOptions;
  /** The path of the test. */
  readonly writeTest?: string;
  readonly pipeline?: OwnPipeline;
  readonly force?: boolean;
  readonly json?: boolean;
  readonly quiet?: boolean;
}

const help = `
FILE is a pcap or pcapng, as tcpdump, Wireshark and "sluice serve --record" write
them; - is stdin. What its clients have sent is sent again, in the same order:

  sluice replay FILE             to a session of its own, which stores in memory:
                                 prints what a server would have stored
  sluice replay FILE --verify    to the same, and compares its replies with those
                                 of the recording
  sluice replay FILE --to SERVER to a server, over connections of its own; each
                                 chunk when the replies before it are there
  sluice replay FILE --write-test out.test.ts
                                 nothing is sent: writes a test for vitest, and
                                 the capture that it replays

Replies are compared field by field, but for what differs from run to run (mtime,
durable, progress, and in the answer to hello version, limits and who asks), and
bodies byte by byte. What is different is printed with the packet of the recorded
reply and its time. "incomplete" is a conversation of which the recording lacks
something, and what there is is the same; that is no failure unless nothing could
be compared at all.

With --to, --preset says how the server frames its replies: by default as Sluice
does if the recorded client speaks its wire, else as the recorded server's port
says. With "none" they are compared, and waited for, by their bytes alone.

--with DIR puts the files of a folder where the recorded server had its own: those
that were there before. They, and what is stored, are held in memory.

--write-test makes a test of each conversation, and beside it out.test.pcapng with
nothing but their bytes: addresses are replaced, tokens hidden, and at most 16 MiB
kept. It replays them against the file server, in the files of --with; or, with
--pipeline MODULE#NAME, against an actor or a pipeline that a module of yours
exports. Other protocols are named by --preset or --length-field, unless their port
says which, and are read as frames. A test that would fail is not written; files
that are there already are replaced with --force only.

--only takes the number of a conversation, an address, a host or a :PORT of one of
its ends, and may be given again. --speed and --max-idle say when: as fast as
possible, as recorded, or so many times as fast, with pauses no longer than that.
--chunking cuts what is sent anew; what comes of it must be the same.

--json prints one object a line, told apart by "event": conversation or, without
--to and --verify, stored, served, refused and so on; and at the end summary.

Examples:
  sudo tcpdump -i lo -U -w trace.pcap port 8080        records
  sluice replay trace.pcap
  sluice replay trace.pcap --verify --chunking bytes
  sluice replay trace.pcap --verify --with backup/uploads
  sluice replay trace.pcap --only 3 --write-test test/trace.test.ts
  sluice replay trace.pcap --to :8080 --only 3 --speed recorded --max-idle 1
  sluice replay dns.pcap --to 127.0.0.1:53 --preset dns
${exitStatusHelp}`;

export function addReplay(program: Command): void {
  const command = program
    .command('replay')
    .summary('serve, verify or send again what was recorded')
    .description('Replays the connections of a packet capture.')
    .argument('<FILE>', 'a packet capture; - is stdin')
    .addOption(
      new Option('--to <SERVER>', 'send to this server, HOST:PORT or unix:/path')
        .argParser(parseServerAddress)
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
      new Option('--preset <NAME>', 'how replies of --to are told apart')
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
      new Option('--pipeline <MODULE#NAME>', 'what answers in that test')
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
    .addHelpText('after', help)
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

const pacingOf = ({
  only,
  chunking,
  speed,
  maxIdle,
}: ReplayFlags): PacingOptions & { chunking: Chunking } => ({
  ...(only === undefined ? {} : { only }),
  ...(maxIdle === undefined ? {} : { maxIdle }),
  chunking,
  speed,
});

/**
 * Sends the recording to a server, or to a session in this process, and compares the replies with the recorded ones.
 */
async function compareReplies(
  file: string,
  input: CaptureInput,
  flags: ReplayFlags,
  output: Output,
): Promise<void> {
  let counts = noCounts;
  let unreachable = false;
  const print = (result: LiveResult) => {
    counts = addResult(counts, result);
    unreachable ||= result.fault?.code === 'connect' || result.fault?.code === 'broke';
    if (flags.json) output.json(resultAsJson(result));
    else if (!flags.quiet || verdictOf(result) !== 'same') {
      for (const line of resultInWords(result)) input.line(line);
    }
  };
  const results$ = await resultsOf(file, input, flags);
  // A server that cannot be reached for one conversation cannot be reached for the next.
  const reached$ = results$.pipe(takeWhile(({ fault }) => fault?.code !== 'connect', true));
  const fault = await errorOf(reached$.pipe(tap(print)));
  input.end();
  if (counts.conversations === 0) throw fault ?? (await nothingFound(file, flags.only));
  if (flags.json) output.json({ event: 'summary', ...counts });
  else if (!flags.quiet) output.line(countsInWords(counts));
  if (fault !== undefined) throw fault;
  if (unreachable && flags.to !== undefined) throw exitError(exitStatus.connection);
  if (counts.different + counts.failed > 0) throw exitError(exitStatus.failed);
  if (counts.compared === 0) throw exitError(exitStatus.failed, 'there was no reply to compare');
}

async function resultsOf(
  file: string,
  { capture }: CaptureInput,
  flags: ReplayFlags,
): Promise<Observable<LiveResult>> {
  const how = { ...pacingOf(flags), stall: flags.wait };
  const protocol = await protocolOf(file, flags);
  if (flags.verify)
    return verifyReplay(capture, { ...how, store: await loadFolder(flags.with, folderError) });
  const connecting$ = connection$(flags);
  const replies =
    flags.lengthField === undefined
      ? repliesOf(flags.preset ?? protocol)
      : { replies: { framing: lengthField({ ...flags.lengthField, delivery: () => 'stream' }) } };
  return replayTo(capture, () => connecting$, { ...how, ...(replies as { replies?: Replies<unknown> }) });
}

/**
 * The protocol of the conversations. Without `--to` only Sluice's can be served: throws an `ExitError` for any other. A
 * capture that can be read only once is taken for one of Sluice.
 */
async function protocolOf(file: string, { only, to }: ReplayFlags): Promise<string> {
  const isRegular = file !== '-' && (statSync(file, { throwIfNoEntry: false })?.isFile() ?? false);
  const protocol = isRegular ? await detectProtocol(captureFile(file, { reuse: true }), only) : null;
  if (protocol === null || protocol === 'sluice') return 'sluice';
  if (to !== undefined) return protocol === 'unknown' ? 'none' : protocol;
  const name = printable(file);
  const looks = protocol === 'unknown' ? '' : ` (by its port it is ${protocol})`;
  throw exitError(
    exitStatus.failed,
    `${name} holds nothing of Sluice's wire${looks}, and nothing else can be served: use "sluice inspect ${name}", or "sluice replay ${name} --to HOST:PORT"`,
  );
}

function repliesOf(name: string): { readonly replies?: Replies<unknown> } {
  if (name === 'sluice') return { replies: sluiceReplies() as Replies<unknown> };
  const preset = presetNamed(name);
  return preset === null ? {} : { replies: presetReplies(preset) };
}

/** Serves the recording in memory, and prints what a server would have stored. */
async function dryRun(file: string, input: CaptureInput, flags: ReplayFlags, output: Output): Promise<void> {
  const counts: StoredCounts = { conversations: 0, files: 0, bytes: 0, refused: 0, brokeOff: 0 };
  const onServerEvent = (event: ServerEvent) => {
    if (!('connection' in event)) return;
    const conversation = Number(event.connection.slice(event.connection.indexOf(':') + 1));
    if (event.type === 'stored') {
      counts.files++;
      counts.bytes += event.size;
    } else if (event.type === 'refused') counts.refused++;
    if (flags.json) return printEvent(event, conversation, output);
    const words = eventInWords(event, conversation);
    if (words !== null && (!flags.quiet || event.type === 'refused')) input.line(words);
  };
  const onResult = ({ conversation: { index }, fault }: LiveResult) => {
    counts.conversations++;
    // Only --verify reports replies that differ from the recorded ones.
    if (fault?.code !== 'incomplete' && fault?.code !== 'too-many') return;
    counts.brokeOff++;
    if (flags.json) output.json({ event: 'broke-off', conversation: index, message: fault.message });
    else input.line(`broke off: ${printable(fault.message)} (conversation ${index})`);
  };
  await protocolOf(file, flags);
  const store = await loadFolder(flags.with, folderError);
  // `verifyReplay` keeps the recorded order between connections: a file that one stores is there when another asks for
  // it.
  const verified$ = verifyReplay(input.capture, {
    ...pacingOf(flags),
    store,
    onServerEvent,
    stall: DRY_RUN_WAIT_MS,
  });
  const fault = await errorOf(verified$.pipe(tap(onResult)));
  input.end();
  if (counts.conversations === 0) throw fault ?? (await nothingFound(file, flags.only));
  if (flags.json) output.json({ event: 'summary', ...counts });
  else if (!flags.quiet) output.line(storedInWords(counts));
  if (fault !== undefined) throw fault;
}

const folderError: FolderError = (what, path, why) =>
  what === 'folder'
    ? usageError(`--with ${printable(path)} cannot be read: ${why}`)
    : exitError(exitStatus.failed, `${printable(path)} cannot be stored: ${why}`);

/** How long to wait for a recorded reply, in milliseconds. Where another server was recorded, it does not come. */
const DRY_RUN_WAIT_MS = 500;

/** Runs an Observable to its end, and returns its error; undefined when it completes. */
const errorOf = (run$: Observable<unknown>): Promise<unknown> =>
  lastValueFrom(run$, { defaultValue: undefined }).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
