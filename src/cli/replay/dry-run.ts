/** `sluice replay` alone: serves the recording in memory, and prints what a server would have stored. */
import { tap } from 'rxjs';
import type { LiveResult } from '../../capture/replay/live-result.ts';
import type { ServerEvent } from '../../server/event.ts';
import { verifyReplay } from '../../server/verify-replay.ts';
import { loadFolder } from '../../store/memory/load-folder.ts';
import { printable } from '../shared/format.ts';
import type { Output } from '../shared/output.ts';
import { errorOf, folderError, pacingOf, protocolOf, type ReplayFlags } from './flags.ts';
import { type CaptureInput, nothingFound } from './read.ts';
import { eventInWords, printEvent, type StoredCounts, storedInWords } from './report.ts';

/** How long to wait for a recorded reply, in milliseconds. Where another server was recorded, it does not come. */
const DRY_RUN_WAIT_MS = 500;

export async function dryRun(
  file: string,
  input: CaptureInput,
  flags: ReplayFlags,
  output: Output,
): Promise<void> {
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
