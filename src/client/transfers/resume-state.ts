/** The state that one try at sending a large content leaves behind for the next one. */
import type { Content } from '../content/content.ts';
import type { SentContent } from '../pipeline/client-request.ts';
import { type Checkpoints, createCheckpoints } from './checkpoints.ts';

export interface ResumeState {
  /** The upload's name. */
  id: string | null;
  /** The state of the source that the other fields are about. */
  source: SourceState | null;
  readonly checkpoints: Checkpoints;
  sha256: string | null;
  /** Size and CRC-32 of the content, once all of it was sent. */
  sent: SentContent | null;
  /** The upload was cancelled because the server refused the bytes it had. That is done once. */
  restarted: boolean;
}

type SourceState = Pick<Content, 'size' | 'mtime' | 'ctime'>;

export const createResumeState = (): ResumeState => ({
  id: null,
  source: null,
  checkpoints: createCheckpoints(),
  sha256: null,
  sent: null,
  restarted: false,
});

/** Notes what this try sends. Discards what an earlier try has left when the source has changed since. */
export function noteSource(state: ResumeState, id: string, content: Content): void {
  const before = state.source;
  const isOther = before !== null && !isSameState(before, content);
  state.id = id;
  state.source = content;
  if (isOther) state.sent = null;
  // Content without a modification time is known to be unchanged only if it is the same object.
  if (before === content || (before !== null && !isOther && content.mtime !== undefined)) return;
  state.checkpoints.clear();
  state.sha256 = null;
}

const isSameState = (a: SourceState, b: SourceState): boolean =>
  a.size === b.size && a.mtime === b.mtime && a.ctime === b.ctime;
