/** Writes the bytes of one side of a recorded connection as they were sent, and nothing else. */
import { formatCount, formatCountOf } from '../../base/units.ts';
import type { PacketsUnread, Side, StreamEvent } from '../../capture/stream-event.ts';
import { captureExitError, noConnection, noConversation } from '../replay/read.ts';
import { type ExitError, exitError } from '../shared/exit-error.ts';
import { exitStatus } from '../shared/exit-status.ts';
import type { Output } from '../shared/output.ts';
import type { CaptureSource } from './source.ts';

/** Which bytes are written. */
export interface Followed {
  readonly conversation: number;
  readonly side: Side;
}

/** Bytes that are written in one step: those of many small packets. */
const GATHERED_BYTES = 256 * 1024;

/** How the side was followed so far. */
interface Following {
  readonly followed: Followed;
  conversations: number;
  found: boolean;
  /** Whether no byte of the side can come any more. */
  over: boolean;
  missing: number;
  /** Where the first bytes are missing. */
  missingAt: number;
  unread: PacketsUnread | null;
}

/**
 * Writes to stdout, no faster than it is read. Where bytes are missing in the recording it goes on behind them, and
 * throws an `ExitError` at the end that tells how many. It does so too for a damaged capture, behind the bytes before
 * the damage, and where there is no such conversation.
 */
export async function follow(source: CaptureSource, followed: Followed, output: Output): Promise<void> {
  const following: Following = {
    followed,
    conversations: 0,
    found: false,
    over: false,
    missing: 0,
    missingAt: 0,
    unread: null,
  };
  const gathered = new Uint8Array(GATHERED_BYTES);
  let used = 0;
  const write = async (): Promise<void> => {
    if (used > 0) await output.bytes(gathered.subarray(0, used));
    used = 0;
  };
  try {
    for await (const events of source.streams()) {
      for (const event of events) {
        const bytes = bytesOf(following, event);
        if (bytes === null) continue;
        if (used + bytes.length > GATHERED_BYTES) await write();
        if (bytes.length >= GATHERED_BYTES / 8) {
          await write();
          await output.bytes(bytes);
        } else {
          gathered.set(bytes, used);
          used += bytes.length;
        }
      }
      if (following.over || output.isClosed()) break;
    }
  } catch (thrown) {
    await write();
    throw captureExitError(thrown);
  }
  await write();
  const wrong = faultOf(source.files, following);
  if (wrong !== null && !output.isClosed()) throw wrong;
}

/** Takes an event, and returns the bytes that it adds; null when it adds none. */
function bytesOf(following: Following, event: StreamEvent): Uint8Array | null {
  const { conversation, side } = following.followed;
  if (event.type === 'unread') following.unread = event;
  if (!('conversation' in event)) return null;
  if (event.type === 'open') following.conversations++;
  if (event.conversation.index !== conversation) return null;
  following.found = true;
  if (event.type === 'chunk' && event.from === side) return event.bytes;
  if (event.type === 'gap' && event.from === side) {
    if (following.missing === 0) following.missingAt = event.position;
    following.missing += event.length;
  }
  const ends = event.type === 'close' || event.type === 'reset';
  if (ends || (event.type === 'end' && event.from === side)) following.over = true;
  return null;
}

function faultOf(
  files: readonly string[],
  { conversations, followed, found, missing, ...rest }: Following,
): ExitError | null {
  if (!found && conversations === 0) return noConnection(files, rest.unread);
  if (!found) return noConversation(files, followed.conversation);
  if (missing === 0) return null;
  const what = `${formatCountOf(missing, 'byte')} of it ${missing === 1 ? 'is' : 'are'} not in the recording`;
  return exitError(exitStatus.failed, `${what}, the first at ${formatCount(rest.missingAt)}`);
}
