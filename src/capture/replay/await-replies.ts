/**
 * Waits for the replies that a recording has. They are counted in frames where they have a framing, and otherwise in
 * bytes.
 */
import { flush } from './live-connection.ts';
import { fail, isSilent, type ReplayClientState } from './replay-client-state.ts';

const countsFrames = ({ isFramed, comparison }: ReplayClientState): boolean =>
  isFramed && comparison.isComplete();

/** How many frames or bytes the live server must have sent to have replied as the recording had. */
const expectedCount = (client: ReplayClientState, seen: number | null): number =>
  countsFrames(client)
    ? client.comparison.expectedFrames(seen)
    : Math.min(seen ?? client.recordedReplyBytes, client.recordedReplyBytes);

/**
 * Makes a condition: whether the live server has replied as much as the recording now has.
 *
 * @param seen counts only as many recorded bytes; null counts all of them.
 */
export function repliesCame(client: ReplayClientState, seen: number | null): () => boolean {
  const { comparison } = client;
  const expected = expectedCount(client, seen);
  return countsFrames(client) ? () => comparison.liveFrames() >= expected : () => client.received >= expected;
}

/**
 * Waits until the replies that the recorded client had seen have come from the live server. When they do not come, the
 * client fails.
 */
export async function awaitReplies(client: ReplayClientState, seen: number | null): Promise<void> {
  const { waits, stall } = client;
  const haveCome = repliesCame(client, seen);
  if (client.fault !== null || haveCome()) return;
  await flush(client);
  await waits.until(
    () => haveCome() || isSilent(client),
    () => client.received,
  );
  if (client.fault !== null || client.connectionFault !== null || haveCome()) return;
  const missing = explainMissing(client, seen);
  if (client.serverEnded || client.connectionClosed) {
    fail(client, { code: 'ended', message: `the server ended the connection; ${missing}` });
  } else if (client.comparison.isUnreadable()) {
    fail(client, { code: 'stalled', message: `no more replies are understood; ${missing}` });
  } else {
    fail(client, { code: 'stalled', message: `nothing has come for ${stall / 1000} s; ${missing}` });
  }
}

function explainMissing(client: ReplayClientState, seen: number | null): string {
  const isCounted = countsFrames(client);
  const expected = expectedCount(client, seen);
  const came = isCounted ? client.comparison.liveFrames() : client.received;
  const unit = isCounted ? (expected === 1 ? 'reply' : 'replies') : 'bytes of replies';
  return `recorded ${expected === 1 ? 'was' : 'were'} ${expected} ${unit}, and ${came} came`;
}
