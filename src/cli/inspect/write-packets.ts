/**
 * Writes the packets of conversations into a file of their own: the bytes and times that were captured.
 *
 * The capture is read twice. What a conversation has may be known only at its end, and then its first packets are gone.
 */
import { createIndexSet, type IndexSet } from '../../base/index-set.ts';
import { formatCountOf } from '../../base/units.ts';
import { isCaptureFault } from '../../capture/capture-fault.ts';
import { createFinder } from '../../capture/inspect/find-bytes.ts';
import { type Selection, selects } from '../../capture/inspect/selection.ts';
import type { Packet } from '../../capture/packet.ts';
import { copiedPacket, interfaceBlock, sectionHeader } from '../../capture/record/pcapng-write.ts';
import type { PacketsUnread } from '../../capture/stream-event.ts';
import { captureExitError } from '../replay/read.ts';
import { usageError } from '../shared/exit-error.ts';
import { printable } from '../shared/format.ts';
import type { Output } from '../shared/output.ts';
import type { Needle } from './needle.ts';
import type { CaptureSource } from './source.ts';
import { refuseExisting, refuseOriginal, writeWhole } from './write-whole.ts';

export interface WritePackets {
  /** Where to write; `-` is stdout. */
  readonly to: string;
  readonly force: boolean;
  readonly only?: Selection;
  /** Only conversations in which it is. */
  readonly find?: Needle;
  readonly output: Output;
}

/**
 * Writes the file, unless there is no such conversation, and returns how many there are. For a damaged capture it writes
 * what was in front of the damage, and then throws an `ExitError`.
 *
 * @param noticed is called with the event about unread packets.
 */
export async function writePackets(
  source: CaptureSource,
  options: WritePackets,
  noticed: (unread: PacketsUnread) => void,
): Promise<number> {
  const { to, force, output } = options;
  if (!source.isRepeatable)
    throw usageError('--write reads the capture twice, and so needs a file, not a pipe');
  if (to !== '-') {
    refuseOriginal(source.files, to, '--write');
    refuseExisting(to, '--write', force);
  }
  const faults: unknown[] = [];
  const selected = await selectedIn(source, options, noticed, faults);
  if (selected.size > 0) {
    let packets = 0;
    const write = async (chunk: (bytes: Uint8Array) => Promise<unknown>): Promise<void> => {
      packets = await copyPackets(source, selected, chunk, faults);
    };
    if (to === '-') await write(output.bytes);
    else {
      await writeWhole(to, '--write -', (file) => write((bytes) => file.writeFile(bytes)));
      const what = `${formatCountOf(packets, 'packet')} of ${formatCountOf(selected.size, 'conversation')}`;
      output.line(`${printable(to)}: ${what}`);
      output.flush();
    }
  }
  if (faults.length > 0) throw captureExitError(faults[0]);
  return selected.size;
}

async function selectedIn(
  source: CaptureSource,
  { only, find }: WritePackets,
  noticed: (unread: PacketsUnread) => void,
  faults: unknown[],
): Promise<IndexSet> {
  const isSelected = selects(only);
  const selected = createIndexSet();
  const finder =
    find === undefined
      ? null
      : createFinder(find.bytes, find.indexOf, ({ conversation }) => selected.add(conversation.index));
  await untilFault(faults, async () => {
    for await (const events of source.streams()) {
      for (const event of events) {
        if (event.type === 'unread') noticed(event);
        if (!('conversation' in event) || !isSelected(event.conversation)) continue;
        if (finder !== null) finder.take(event);
        else if (event.type === 'open') selected.add(event.conversation.index);
      }
    }
  });
  return selected;
}

async function copyPackets(
  source: CaptureSource,
  selected: IndexSet,
  write: (bytes: Uint8Array) => Promise<unknown>,
  faults: unknown[],
): Promise<number> {
  /** The number of the interface of each link layer. */
  const interfaces = new Map<number, number>();
  let packets = 0;
  let blocks: Uint8Array[] = [sectionHeader('Sluice')];
  const take = (packet: Packet, conversation: number): void => {
    if (!selected.has(conversation)) return;
    let id = interfaces.get(packet.linkType);
    if (id === undefined) {
      id = interfaces.size;
      interfaces.set(packet.linkType, id);
      blocks.push(interfaceBlock(packet.linkType));
    }
    blocks.push(copiedPacket(packet, id));
    packets++;
  };
  const flush = async (): Promise<void> => {
    const gathered = Buffer.concat(blocks);
    blocks = [];
    if (gathered.length > 0) await write(gathered);
  };
  await untilFault(faults, async () => {
    for await (const _ of source.packetsOf(take)) await flush();
  });
  await flush();
  return packets;
}

/** Keeps a fault of the capture, which is thrown once what is in front of it was written. */
async function untilFault(faults: unknown[], read: () => Promise<void>): Promise<void> {
  try {
    await read();
  } catch (thrown) {
    if (!isCaptureFault(thrown)) throw thrown;
    faults.push(thrown);
  }
}
