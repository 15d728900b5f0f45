/** The head of the list: what is picked, how far all is, and the buttons for all. */
import { useEffect, useRef, useState } from 'preact/hooks';
import { bytes, count, duration, rate, sentence } from '../shell/words.ts';
import { CancelQuestion } from './cancel-question.tsx';
import { OpenIcon } from './icons.tsx';
import type { QueueEvent } from './queue-state.ts';
import { isAllStored, percentOf, type Totals } from './totals.ts';

/** What is meant by it. */
const VERIFY_HINT =
  'Each file is read once before it is sent, and the server stores it only if its SHA-256 is the same.';

interface PanelHeadProps {
  readonly totals: Totals;
  readonly trouble: string | null;
  readonly mayWrite: boolean;
  readonly survives: Promise<boolean>;
  readonly verify: boolean;
  readonly setVerify: (verify: boolean) => void;
  readonly isOpen: boolean;
  readonly setOpen: (isOpen: boolean) => void;
  readonly dispatch: (event: QueueEvent) => void;
  readonly onPick: (files: FileList) => void;
}

export function PanelHead(props: PanelHeadProps) {
  const { totals, mayWrite, verify, setVerify, isOpen, setOpen, trouble } = props;
  const { files, open } = totals;
  return (
    <header class="uploads-head">
      <h2>
        {files === 0 ? (
          'Uploads'
        ) : (
          <button type="button" class="uploads-fold" aria-expanded={isOpen} onClick={() => setOpen(!isOpen)}>
            <OpenIcon isOpen={isOpen} />
            Uploads
          </button>
        )}
      </h2>
      {files > 0 && <Sums totals={totals} isCutOff={trouble !== null && open > 0} />}
      <div class="uploads-picks">
        <Picker label="Upload files" isFolder={false} isDisabled={!mayWrite} onPick={props.onPick} />
        <Picker label="Upload a folder" isFolder={true} isDisabled={!mayWrite} onPick={props.onPick} />
        <label class="check" title={VERIFY_HINT}>
          <input
            type="checkbox"
            checked={verify}
            aria-description={VERIFY_HINT}
            onChange={(event) => setVerify(event.currentTarget.checked)}
          />
          Verify by SHA-256
        </label>
      </div>
      {files > 0 && <AllButtons totals={totals} dispatch={props.dispatch} />}
      <Hints {...props} />
    </header>
  );
}

interface PickerProps {
  readonly label: string;
  readonly isFolder: boolean;
  readonly isDisabled: boolean;
  readonly onPick: (files: FileList) => void;
}

function Picker({ label, isFolder, isDisabled, onPick }: PickerProps) {
  const input = useRef<HTMLInputElement>(null);
  return (
    <>
      <button type="button" disabled={isDisabled} onClick={() => input.current?.click()}>
        {label}
      </button>
      <input
        ref={input}
        type="file"
        hidden
        multiple
        // Preact's types do not know it.
        {...{ webkitdirectory: isFolder }}
        aria-label={label}
        data-picks={isFolder ? 'folder' : 'files'}
        onChange={({ currentTarget }) => {
          if (currentTarget.files !== null) onPick(currentTarget.files);
        }}
        // So that the same file can be picked once more.
        onClick={({ currentTarget }) => {
          currentTarget.value = '';
        }}
      />
    </>
  );
}

function Sums({ totals, isCutOff }: { readonly totals: Totals; readonly isCutOff: boolean }) {
  const { files, stored, failed, open, durable, by } = totals;
  return (
    <div class="uploads-sums">
      <progress
        max={100}
        value={percentOf(totals)}
        aria-label="All uploads"
        data-done={isAllStored(totals)}
      />
      <span class="number">
        {count(stored)} of {count(files)} stored
        {failed > 0 && <span class="fault">, {count(failed)} failed</span>}
        {by['needs-file'] !== undefined && `, ${count(by['needs-file'])} to pick again`}
      </span>
      <span class="number hint">
        {bytes(durable)} of {bytes(totals.bytes)} safe
        {open > 0 && !isCutOff && totals.rate > 0 && ` – ${rate(totals.rate)}`}
        {open > 0 && !isCutOff && totals.left !== null && ` – ${duration(totals.left)} left`}
      </span>
    </div>
  );
}

function AllButtons({ totals, dispatch }: Pick<PanelHeadProps, 'totals' | 'dispatch'>) {
  const { by, open, files, partly } = totals;
  const [isAsking, setAsking] = useState(false);
  const cancelAll = (): void => {
    setAsking(false);
    dispatch({ type: 'cancel', id: null });
  };
  const [over, paused, failed] = [
    (by.stored ?? 0) + (by.skipped ?? 0) + (by.cancelled ?? 0),
    by.paused,
    by.failed,
  ];
  return (
    <div class="uploads-all">
      {open > 0 && <AllButton label="Pause all" type="pause" dispatch={dispatch} />}
      {paused !== undefined && <AllButton label="Go on with all" type="resume" dispatch={dispatch} />}
      {failed !== undefined && <AllButton label="Try failed again" type="retry" dispatch={dispatch} />}
      {over < files && (
        <button type="button" class="danger" onClick={() => (partly > 0 ? setAsking(true) : cancelAll())}>
          Cancel all
        </button>
      )}
      {isAsking && (
        <CancelQuestion partly={partly} onCancelAll={cancelAll} onClose={() => setAsking(false)} />
      )}
      {over > 0 && (
        <button type="button" onClick={() => dispatch({ type: 'clear' })}>
          Clear finished
        </button>
      )}
    </div>
  );
}

interface AllButtonProps {
  readonly label: string;
  readonly type: 'pause' | 'resume' | 'retry';
  readonly dispatch: (event: QueueEvent) => void;
}

const AllButton = ({ label, type, dispatch }: AllButtonProps) => (
  <button type="button" onClick={() => dispatch({ type, id: null })}>
    {label}
  </button>
);

function Hints({ mayWrite, survives, totals, trouble }: PanelHeadProps) {
  const [outlives, setOutlives] = useState(true);
  useEffect(() => {
    void survives.then(setOutlives);
  }, [survives]);
  const picks = totals.by['needs-file'] ?? 0;
  return (
    <>
      {!mayWrite && <p class="hint">Your token has no right to write here: nothing can be uploaded.</p>}
      {trouble !== null && totals.open > 0 && (
        <p class="warn">Nothing reaches the server for now, and is tried again: {sentence(trouble)}</p>
      )}
      {picks > 0 && (
        <p class="warn uploads-picked-again">
          {count(picks)} unfinished from before: pick or drop the same files again, and they go on where they
          were.
        </p>
      )}
      {!outlives && totals.unsaved > 0 && (
        <p class="hint">
          This browser keeps nothing (a private window?): leaving the page ends what is unfinished.
        </p>
      )}
    </>
  );
}
