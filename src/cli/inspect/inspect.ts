/** `sluice inspect`: shows the messages in a recording, and how TCP carried each. */
import { setFlagsFromString } from 'node:v8';
import { type Command, Option } from 'commander';
import { captureFile } from '../../capture/capture-file.ts';
import { type InspectOptions, inspect } from '../../capture/inspect/inspect.ts';
import type { InspectEvent } from '../../capture/inspect/inspect-event.ts';
import type { PacketsUnread } from '../../capture/stream-event.ts';
import type { Framing } from '../../wire/framing.ts';
import { only } from '../replay/options.ts';
import { captureExitError, noConnection, noneOf } from '../replay/read.ts';
import { usageError } from '../shared/exit-error.ts';
import { exitStatusHelp } from '../shared/exit-status.ts';
import { wholeNumber } from '../shared/option-parsers.ts';
import { createOutput, type Output } from '../shared/output.ts';
import { type Followed, follow } from './follow.ts';
import { writePage } from './html.ts';
import { jsonOf } from './json.ts';
import { chunkBytes, followed, lengthFieldOf, presetLines, presetName, presetOf } from './options.ts';
import { createTable } from './table.ts';

interface InspectFlags {
  readonly preset?: string;
  readonly lengthField?: Framing<unknown>;
  readonly only?: readonly (number | string)[];
  readonly frames?: number;
  readonly chunks?: boolean;
  readonly chunkBytes?: number;
  readonly absolute?: boolean;
  readonly json?: boolean;
  readonly html?: string;
  readonly follow?: Followed;
  readonly presets?: boolean;
}

const help = `
FILE is a pcap or pcapng, as tcpdump, Wireshark and "sluice serve --record" write
them, compressed with gzip, with zstd (where Node is 22.15 or newer), or not; - is
stdin. Prints a block for each TCP connection, with a row for each frame: who sent
it (→ the client, ← the server), when its first byte was captured, how long it took
until the last of it could be handed on, its bytes, and how many chunks carried it:
"cut" in more than one, "glued" in one with others. At the end it tells what was not
read: how many packets, and why.

Links are Ethernet, Linux cooked, loopback, raw IP, PPP, Cisco HDLC, Frame Relay,
802.11 (also with radiotap, Prism or AVS), PPI and NFLOG. Tunnels are looked into,
eight deep: VXLAN, Geneve, GRE (ERSPAN, NVGRE, PPTP), IP in IP, GTP-U, L2TP,
EtherIP, MPLS in IP and UDP, and MPLS pseudo-wires. The same addresses inside and
outside of a tunnel are two conversations.

Frames are found by --preset, or by --length-field; else by the server's port, or
Sluice's own wire by its first bytes. The keys of --length-field are width (1, 2,
3, 4, 8 or varint), endian (big, little), signed, offset, counts (body, field,
frame), adjustment and max, as in the library.

--only takes the number of a conversation, an address, a host or a :PORT of one
of its ends; it may be given again.

--json prints one object a line, with a type: open, framing, frame, gap, fault,
conflict, ignored (a packet that its receiver does not heed, as a RST outside of the
window; why says it), end, reset, after-reset (how many packets and bytes came behind
a reset, and are in no chunk), close, and with --chunks chunk. All have the number of
their conversation, and a side (from: client, server) where they belong to one.
A frame has number, position, head and length (bytes), label, state (whole,
incomplete, unfinished), missing, firstPacket, lastPacket, capturedAt,
deliverableAt, chunks, firstShared and lastShared (how many other frames are in
its first and last chunk), glued, cut and hex (its first 64 bytes). A chunk has
length and hex: its first 64 bytes, or as many as --chunk-bytes says. Times are
nanoseconds since 1970, as strings; beside each is the same in ISO 8601, with Iso
behind its name.

What belongs to no conversation has types of its own: skipped (a packet that is
damaged or cut), fragment-conflict (IP fragments that overlap and differ), and at
the end, if packets were not read, unread: packets (how many), reasons (the most
frequent first, each with why, message, packets and firstPacket), and others (how
many packets have reasons that were forgotten, as there were more than 256).

--follow writes the bytes of one side of a conversation to stdout, and nothing else:
3:client or 3:server, by the number that the table shows. Where bytes are missing in
the recording it goes on behind them, says so at the end, and exits with 1.

--html writes a page that draws chunks and frames side by side: it needs nothing
but a browser.

Examples:
  sluice inspect trace.pcap
  tcpdump -i lo -w - port 5432 | sluice inspect - --preset postgresql
  tcpdump -w - udp port 4789 | sluice inspect - --only :5432   # inside of a VXLAN
  sluice inspect trace.pcapng --length-field width=4,endian=little,counts=frame
  sluice inspect trace.pcap --json | jq 'select(.type == "frame" and .cut)'
  sluice inspect trace.pcap --only 3 --html trace.html
  sluice inspect trace.pcap --follow 3:client > sent.bin
${exitStatusHelp}`;

export function addInspect(program: Command): void {
  program
    .command('inspect')
    .summary('show the messages in a packet capture')
    .description('Shows the frames in recorded TCP connections, and how TCP carried them.')
    .argument('[FILE]', 'a packet capture, or - for stdin')
    .addOption(new Option('--preset <NAME>', 'how the frames are found').argParser(presetName))
    .addOption(
      new Option('--length-field <KEYS>', 'the same by a length field of your own')
        .argParser(lengthFieldOf)
        .conflicts('preset'),
    )
    .option('--only <WHICH>', 'a conversation, or an address', only)
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
      new Option('--html <OUT>', 'write a page instead; - is stdout').conflicts([
        'json',
        'frames',
        'chunks',
        'chunkBytes',
      ]),
    )
    .addOption(
      new Option('--follow <SIDE>', 'write the bytes of a side instead, such as 3:server')
        .argParser(followed)
        .conflicts([
          'preset',
          'lengthField',
          'only',
          'frames',
          'chunks',
          'chunkBytes',
          'absolute',
          'json',
          'html',
        ]),
    )
    .option('--presets', 'list the presets')
    .addHelpText('after', help)
    .action(run);
}

async function run(file: string | undefined, flags: InspectFlags): Promise<void> {
  const output = createOutput();
  if (flags.presets) {
    for (const line of presetLines()) output.line(line);
    output.flush();
    return;
  }
  if (file === undefined) throw usageError('the FILE to inspect is missing');
  keepHeapSmall();
  if (flags.follow !== undefined) {
    await follow(file, flags.follow, output);
    return;
  }
  if (flags.chunkBytes !== undefined && !flags.json) {
    throw usageError(
      '--chunk-bytes is for --json: a row of the table has room for the first bytes of a chunk alone',
    );
  }
  let unread: PacketsUnread | null = null;
  const events = noticing(inspect(captureFile(file, { reuse: true }), inspectOptions(flags)), (event) => {
    unread = event;
  });
  const conversations =
    flags.html !== undefined
      ? await writePage(events, { file, to: flags.html, output })
      : flags.json
        ? await asJson(events, flags, output)
        : await asTable(events, flags, output);
  if (conversations > 0 || output.isClosed()) return;
  throw flags.only === undefined ? noConnection(file, unread) : noneOf(file, flags.only);
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

const inspectOptions = ({ preset, lengthField, only }: InspectFlags): InspectOptions => ({
  ...(preset === undefined ? {} : { preset: presetOf(preset) }),
  ...(lengthField === undefined ? {} : { framing: lengthField }),
  ...(only === undefined ? {} : { only }),
});

type Events = AsyncIterable<readonly InspectEvent[]>;

/** Passes the events on, and calls back with the event about unread packets. */
async function* noticing(events: Events, unread: (event: PacketsUnread) => void): Events {
  for await (const batch of events) {
    const last = batch.at(-1);
    if (last?.type === 'unread') unread(last);
    yield batch;
  }
}

/** Prints the events as JSON, and returns the number of conversations, as the other printers do. */
async function asJson(events: Events, flags: InspectFlags, output: Output): Promise<number> {
  const { chunkBytes, chunks = chunkBytes !== undefined } = flags;
  return await each(events, output, (event) => {
    if (event.type !== 'chunk' || chunks) output.json(jsonOf(event, chunkBytes));
  });
}

async function asTable(events: Events, flags: InspectFlags, output: Output): Promise<number> {
  const { frames, chunks = false, absolute = false } = flags;
  const { columns } = process.stdout;
  const table = createTable(output.line, {
    chunks,
    absolute,
    ...(columns === undefined ? {} : { columns }),
    ...(frames === undefined ? {} : { frames }),
  });
  try {
    return await each(events, output, table.take);
  } finally {
    table.end();
    output.flush();
  }
}

/**
 * Takes the events, no faster than the reader of stdout reads, and returns the number of conversations. Throws an
 * `ExitError` for a damaged capture.
 */
async function each(events: Events, output: Output, take: (event: InspectEvent) => void): Promise<number> {
  let conversations = 0;
  try {
    for await (const batch of events) {
      for (const event of batch) {
        if (event.type === 'open') conversations++;
        take(event);
      }
      output.flush();
      await output.bytes(NOTHING);
      if (output.isClosed()) break;
    }
  } catch (thrown) {
    throw captureExitError(thrown);
  }
  return conversations;
}

/** An empty write behind the lines: stdout takes it once it has taken the lines. */
const NOTHING = new Uint8Array(0);
