/** One side's bytes, where no capture is at hand: those that are in the page, and how all of them are had. */
import { useState } from 'preact/hooks';
import { concatBytes } from '../../../base/bytes.ts';
import { countOf } from '../../shell/words.ts';
import type { SideName } from '../data/page-data.ts';
import type { ConversationView } from '../model/conversation-view.ts';
import { type Lane, sampleOf } from '../model/items.ts';
import { FollowedBytes } from './followed-bytes.tsx';
import { followedName, save } from './save.ts';

interface FollowHereProps {
  /** The name of the capture. */
  readonly name: string;
  readonly conversation: ConversationView;
  readonly side: SideName;
}

export function FollowHere({ name, conversation, side }: FollowHereProps) {
  const [followed, setFollowed] = useState<{ of: ConversationView; bytes: Uint8Array; rest: number } | null>(
    null,
  );
  const lane = conversation.lanes[side];
  const { index } = conversation.it;
  const follow = (): void => setFollowed({ of: conversation, ...bytesHere(lane) });
  const shown = followed?.of === conversation ? followed : null;
  return (
    <div class="follow-side">
      <button type="button" id={`follow-${side}`} disabled={lane.counts.bytes === 0} onClick={follow}>
        Follow {side}
      </button>
      {shown !== null && (
        <FollowedBytes
          bytes={shown.bytes}
          total={lane.counts.bytes}
          close={() => setFollowed(null)}
          note={
            shown.rest === 0
              ? ''
              : `${countOf(shown.rest, 'byte')} of it are not in this page. All are written by: sluice inspect ${name} --follow ${index}:${side}`
          }
        >
          {shown.rest === 0 && (
            <button
              type="button"
              onClick={() => save(new Blob([shown.bytes.slice()]), followedName(name, index, side))}
            >
              Save
            </button>
          )}
        </FollowedBytes>
      )}
    </div>
  );
}

/** The bytes up to the first that is not in the page, and how many are not shown. */
function bytesHere(lane: Lane): { bytes: Uint8Array; rest: number } {
  const pieces: Uint8Array[] = [];
  let reached = 0;
  for (const chunk of lane.chunks) {
    const sample = sampleOf(lane, chunk);
    // Where bytes are missing in the recording, those behind them follow.
    pieces.push(sample);
    reached += sample.length;
    if (sample.length < chunk.end - chunk.position) break;
  }
  return { bytes: concatBytes(pieces), rest: lane.counts.bytes - reached };
}
