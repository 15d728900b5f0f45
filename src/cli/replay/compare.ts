/** `sluice replay --verify` and `--to`: what was recorded is sent again, and the replies are compared. */
import { type Observable, takeWhile, tap } from 'rxjs';
import { presetReplies } from '../../capture/replay/asked-replies.ts';
import { type LiveResult, verdictOf } from '../../capture/replay/live-result.ts';
import { replayTo } from '../../capture/replay/replay-live.ts';
import type { Replies } from '../../capture/replay/replies.ts';
import { sluiceReplies, verifyReplay } from '../../server/verify-replay.ts';
import { loadFolder } from '../../store/memory/load-folder.ts';
import { lengthField } from '../../wire/length-field.ts';
import { presetNamed } from '../../wire/presets.ts';
import { exitError } from '../shared/exit-error.ts';
import { exitStatus } from '../shared/exit-status.ts';
import type { Output } from '../shared/output.ts';
import { connection$ } from '../shared/server-option.ts';
import { errorOf, folderError, pacingOf, protocolOf, type ReplayFlags } from './flags.ts';
import { type CaptureInput, nothingFound } from './read.ts';
import { addResult, countsInWords, noCounts, resultAsJson, resultInWords } from './report.ts';

/**
 * Sends the recording to a server, or to a session in this process, and compares the replies with the recorded ones.
 */
export async function compareReplies(
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

function repliesOf(name: string): { readonly replies?: Replies<unknown> } {
  if (name === 'sluice') return { replies: sluiceReplies() as Replies<unknown> };
  const preset = presetNamed(name);
  return preset === null ? {} : { replies: presetReplies(preset) };
}
