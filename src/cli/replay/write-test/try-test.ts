/** Tries a test before it is written, against what answers in it. */
import { captureOf } from '../../../capture/capture.ts';
import type { WrittenLog } from '../../../capture/trim/write-log.ts';
import { compareReplay } from '../../../testing/compare-replay.ts';
import { fileServer } from '../../../testing/file-server.ts';
import { framesOf } from '../../../testing/pipeline.ts';
import { exitError } from '../../shared/exit-error.ts';
import { exitStatus } from '../../shared/exit-status.ts';
import { printable } from '../../shared/format.ts';
import { replyFramingOf, type TestFraming } from './test-framing.ts';

/**
 * Tries the test. Returns whether it passes only as far as the recording goes, which may end in the middle of a message.
 * Throws an `ExitError` when it fails: then nothing is written.
 */
export async function tryTest(
  written: WrittenLog,
  framing: TestFraming,
  files: string | undefined,
): Promise<boolean> {
  const replyFraming = replyFramingOf(framing);
  const pipeline =
    replyFraming === undefined
      ? fileServer(files === undefined ? {} : { files })
      : framesOf(replyFraming as Parameters<typeof framesOf>[0]);
  const tried = (allowIncomplete: boolean) =>
    compareReplay(captureOf(written.bytes), pipeline, { allowIncomplete });
  const failure = await tried(false);
  if (failure === null) return false;
  if ((await tried(true)) === null) return true;
  const hint =
    framing.type === 'sluice'
      ? 'files that the server had before are named with --with, unless other conversations have stored them; a server of yours with --pipeline'
      : 'another framing is named with --preset or --length-field';
  const lines = failure.split('\n').map(printable).join('\n');
  throw exitError(exitStatus.failed, `no test was written, as it would fail (${hint}):\n${lines}`);
}
