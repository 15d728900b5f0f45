/** One side's bytes, read again from the capture: shown as far as they are few, and saved as many as they are. */
import { useEffect, useRef, useState } from 'preact/hooks';
import type { Subscription } from 'rxjs';
import { countOf, bytes as inUnits } from '../../shell/words.ts';
import type { SideName } from '../data/page-data.ts';
import { askWorker } from '../read/ask-worker.ts';
import type { Followed } from '../read/messages.ts';
import { FollowedBytes } from './followed-bytes.tsx';
import { followedName, save } from './save.ts';

interface FollowFileProps {
  readonly file: File;
  /** Of the conversation. */
  readonly index: number;
  readonly side: SideName;
  /** As many as there are, so far. */
  readonly bytes: number;
}

export function FollowFile({ file, index, side, bytes }: FollowFileProps) {
  const [followed, setFollowed] = useState<Followed | null>(null);
  const [read, setRead] = useState<number | null>(null);
  const [fault, setFault] = useState('');
  const underWay = useRef<Subscription | null>(null);
  useEffect(() => () => underWay.current?.unsubscribe(), []);
  const end = (): void => {
    underWay.current?.unsubscribe();
    underWay.current = null;
    setRead(null);
  };
  const follow = (): void => {
    end();
    setRead(0);
    setFault('');
    underWay.current = askWorker({ type: 'follow', file, conversation: index, side }).subscribe({
      next: (tell) => {
        if (tell.type === 'progress') setRead(tell.read);
        else if (tell.type === 'followed') setFollowed(tell);
        else if (tell.type === 'refused') setFault(tell.message);
      },
      error: (error: Error) => {
        end();
        setFault(error.message);
      },
      complete: () => setRead(null),
    });
  };
  return (
    <div class="follow-side">
      <button type="button" id={`follow-${side}`} disabled={bytes === 0 || read !== null} onClick={follow}>
        Follow {side}: {countOf(bytes, 'byte')}
      </button>
      {read !== null && (
        <p class="hint" role="status">
          {inUnits(read)} of {inUnits(file.size)} read{' '}
          <button type="button" onClick={end}>
            Cancel
          </button>
        </p>
      )}
      {fault !== '' && (
        <p class="fault" role="alert">
          {fault}
        </p>
      )}
      {followed !== null && (
        <FollowedBytes
          bytes={followed.first}
          total={followed.blob.size}
          note={followed.note}
          close={() => setFollowed(null)}
        >
          <button
            type="button"
            id={`save-${side}`}
            class="primary"
            onClick={() => save(followed.blob, followedName(file.name, index, side))}
          >
            Save {inUnits(followed.blob.size)}
          </button>
        </FollowedBytes>
      )}
    </div>
  );
}
