/** `sluice inspect`: shows the messages in a recording, and how TCP carried each. */
import { setFlagsFromString } from 'node:v8';
import { type Command, Option } from 'commander';
import type { InspectOptions } from '../../capture/inspect/inspect.ts';
import type { PacketsUnread } from '../../capture/stream-event.ts';
import { only } from '../replay/options.ts';
import { nameOf, noConnection, noneOf } from '../replay/read.ts';
import { COLOR_CHOICES, painter, usesColor } from '../shared/color.ts';
import { type ExitError, exitError, usageError } from '../shared/exit-error.ts';
import { exitStatus } from '../shared/exit-status.ts';
import { printable } from '../shared/format.ts';
import { wholeNumber } from '../shared/option-parsers.ts';
import { createOutput, type Output } from '../shared/output.ts';
import { find } from './find.ts';
import type { InspectFlags } from './flags.ts';
import { follow } from './follow.ts';
import { inspectHelp } from './help.ts';
import { writePage } from './html.ts';
import { listOrder } from './list/listed.ts';
import { printList } from './list/print-list.ts';
import { needle } from './needle.ts';
import {
  chunkBytes,
  decodeAs,
  followed,
  inspectedName,
  lengthFieldOf,
  presetLines,
  presetOf,
} from './options.ts';
import { printEvents, printTable } from './print-events.ts';
import { type CaptureSource, openSource } from './source.ts';
import { checkedBounds, timeBound } from './times.ts';
import { writePackets } from './write-packets.ts';

const OF_FRAMES = ['frames', 'chunks', 'chunkBytes'];
const OF_TABLE = [...OF_FRAMES, 'absolute'];

export function addInspect(program: Command): void {
  program
    .command('inspect')
    .summary('show the messages in a packet capture')
    .description('Shows the frames in recorded TCP connections, and how TCP carried them.')
    .argument('[FILE...]', 'packet captures, or - for stdin')
    .addOption(new Option('--preset <NAME>', 'how the frames are found').argParser(inspectedName))
    .addOption(
      new Option('--length-field <KEYS>', 'the same by a length field of your own')
        .argParser(lengthFieldOf)
        .conflicts('preset'),
    )
    .option('--decode-as <PORT=HOW>', "the same for a server's port: a preset, or KEYS", decodeAs)
    .option('--only <WHICH>', 'a conversation, or an address', only)
    .option('--after <TIME>', 'what was captured from then on', timeBound)
    .option('--before <TIME>', 'what was captured up to then', timeBound)
    .option('--frames <N>', 'rows of frames of each conversation', wholeNumber(0, 1e9))
    .option('--chunks', 'show the chunks as well')
    .addOption(
      new Option('--chunk-bytes <SIZE>', 'the same with so many bytes of each, or all, for --json').argParser(
        chunkBytes,
      ),
    )
    .option('--absolute', 'times of day (UTC) instead of times since the beginning')
    .option('--json', 'print JSON, one object a line')
    .addOption(
      new Option('--list', 'list the conversations, a row each').conflicts([...OF_TABLE, 'html', 'follow']),
    )
    .addOption(
      new Option('--sort <COLUMN>', 'the order of the list; -COLUMN: the greatest first').argParser(
        listOrder,
      ),
    )
    .addOption(
      new Option('--find <BYTES>', 'print where they are: TEXT, or 0xHEX')
        .argParser(needle)
        .conflicts([...OF_TABLE, 'html']),
    )
    .addOption(
      new Option('--follow <SIDE>', 'write the bytes of a side instead, such as 3:server')
        .argParser(followed)
        .conflicts([
          ...OF_TABLE,
          ...['preset', 'lengthField', 'decodeAs', 'only', 'json', 'html', 'find', 'write'],
        ]),
    )
    .addOption(
      new Option('--write <OUT>', 'write the packets of conversations to a pcapng; - is stdout').conflicts([
        ...OF_TABLE,
        ...['preset', 'lengthField', 'decodeAs', 'json', 'html', 'list'],
      ]),
    )
    .option('--force', 'replace the file of --write')
    .addOption(
      new Option('--html <OUT>', 'write a page instead; - is stdout').conflicts(['json', ...OF_FRAMES]),
    )
    .addOption(
      new Option('--color <WHEN>', 'colours: auto is on a terminal').choices(COLOR_CHOICES).default('auto'),
    )
    .option('--presets', 'list the presets')
    .addHelpText('after', inspectHelp)
    .action(run);
}

async function run(files: readonly string[], flags: InspectFlags): Promise<void> {
  const output = createOutput();
  if (flags.presets) {
    for (const line of presetLines()) output.line(line);
    output.flush();
    return;
  }
  if (files.length === 0) throw usageError('the FILE to inspect is missing');
  checkFlags(flags);
  const source = openSource(files, checkedBounds(flags));
  keepHeapSmall();
  if (flags.follow !== undefined) await follow(source, flags.follow, output);
  else await show(source, flags, output);
}

function checkFlags(flags: InspectFlags): void {
  if (flags.chunkBytes !== undefined && !flags.json) {
    throw usageError(
      '--chunk-bytes is for --json: a row of the table has room for the first bytes of a chunk alone',
    );
  }
  if (flags.sort !== undefined && !flags.list) throw usageError('--sort is for --list');
  if (flags.force && flags.write === undefined) throw usageError('--force is for --write');
}

/** Shows the conversations in one of the ways there are. Throws an `ExitError` where there is nothing to show. */
async function show(source: CaptureSource, flags: InspectFlags, output: Output): Promise<void> {
  let unread: PacketsUnread | null = null;
  const noticed = (event: PacketsUnread): void => {
    unread = event;
  };
  const shown = await showIn(source, flags, output, noticed);
  if (shown > 0 || output.isClosed()) return;
  throw nothingShown(source.files, flags, unread);
}

/** Returns how many conversations there are; with `find`, how many have what was looked for. */
async function showIn(
  source: CaptureSource,
  flags: InspectFlags,
  output: Output,
  noticed: (unread: PacketsUnread) => void,
): Promise<number> {
  const { json = false, only, write } = flags;
  const selected = only === undefined ? {} : { only };
  const { columns } = process.stdout;
  const paint = painter(!json && usesColor(flags.color));
  if (write !== undefined) {
    const { force = false } = flags;
    const found = flags.find === undefined ? {} : { find: flags.find };
    return await writePackets(source, { to: write, force, output, ...selected, ...found }, noticed);
  }
  if (flags.find !== undefined && !flags.list) {
    const options = { json, columns, paint, output, noticed, ...selected };
    return await find(source, flags.find, options);
  }
  const events = source.inspect(inspectOptions(flags));
  if (flags.html !== undefined)
    return await writePage(events, { files: source.files, to: flags.html, output });
  const options = { flags, columns, paint, output, noticed };
  if (flags.list) return await printList(events, options);
  return json ? await printEvents(events, options) : await printTable(events, options);
}

const inspectOptions = ({ preset, lengthField, decodeAs, only }: InspectFlags): InspectOptions => ({
  ...(preset === undefined ? {} : { preset: presetOf(preset) }),
  ...(lengthField === undefined ? {} : { framing: lengthField }),
  ...(decodeAs === undefined ? {} : { decodeAs }),
  ...(only === undefined ? {} : { only }),
});

/** The error for a capture in which nothing is that was asked for. */
function nothingShown(
  files: readonly string[],
  flags: InspectFlags,
  unread: PacketsUnread | null,
): ExitError {
  const { after, before, find: sought, only } = flags;
  const inRange = after !== undefined || before !== undefined ? ' in that time' : '';
  if (sought !== undefined) {
    const which = only === undefined ? '' : ' that --only means';
    const message = `${nameOf(files)} has no conversation${which} with "${printable(sought.text)}"${inRange}`;
    return exitError(exitStatus.failed, message);
  }
  if (only !== undefined) return noneOf(files, only, inRange);
  if (inRange !== '') {
    return exitError(exitStatus.failed, `${nameOf(files)} has no TCP connection${inRange}`);
  }
  return noConnection(files, unread);
}

/**
 * What is made of a batch is garbage soon after. With the room that V8 gives young objects at first it takes some 10 to
 * 20 MiB less than with the room that it grows to. And what waits in between, such as rows, is old when it is dropped:
 * V8 would let that grow to several times of what is alive before it looks for it. Only for the V8 of Node 20: another
 * may not know the flags, and says so.
 */
function keepHeapSmall(): void {
  if (!process.versions.v8.startsWith('11.')) return;
  setFlagsFromString('--semi-space-growth-factor=1');
  setFlagsFromString('--heap-growing-percent=25');
}
