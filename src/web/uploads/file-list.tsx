/** The files, of which only those that are seen are drawn. */
import { useState } from 'preact/hooks';
import { WindowList } from '../shell/window-list.tsx';
import { count } from '../shell/words.ts';
import { canCancel, canPause, type Entry, type Status } from './entry.ts';
import { AgainIcon, CancelIcon, GoOnIcon, PauseIcon } from './icons.tsx';
import { nameParts } from './names.ts';
import type { QueueEvent, QueueState } from './queue-state.ts';
import { describeEntry } from './status-words.ts';
import type { Totals } from './totals.ts';

interface FileListProps {
  readonly state: QueueState;
  readonly totals: Totals;
  readonly dispatch: (event: QueueEvent) => void;
}

const ROW_PIXELS = 56;

/** Those of which it is shown how far they are. */
const BARRED: ReadonlySet<Status> = new Set(['sending', 'hashing', 'paused', 'needs-file']);

/** What may be shown alone. */
const FILTERS: readonly { readonly label: string; readonly of: readonly Status[] }[] = [
  { label: 'Under way', of: ['sending', 'hashing'] },
  { label: 'Waiting', of: ['waiting', 'elsewhere'] },
  { label: 'Paused', of: ['paused'] },
  { label: 'To be decided', of: ['asking'] },
  { label: 'To be picked again', of: ['needs-file'] },
  { label: 'Failed', of: ['failed'] },
  { label: 'Stored', of: ['stored'] },
  { label: 'Skipped or cancelled', of: ['skipped', 'cancelled'] },
];

export function FileList({ state, totals, dispatch }: FileListProps) {
  const [shown, setShown] = useState('');
  const of = FILTERS.find(({ label }) => label === shown)?.of;
  const entries =
    of === undefined ? state.entries : state.entries.filter(({ status }) => of.includes(status));
  const countOf = (statuses: readonly Status[]): number =>
    statuses.reduce((sum, status) => sum + (totals.by[status] ?? 0), 0);
  return (
    <>
      <label class="uploads-filter hint">
        Show{' '}
        <select value={shown} onChange={(event) => setShown(event.currentTarget.value)}>
          <option value="">All ({count(totals.files)})</option>
          {FILTERS.filter(({ label, of }) => label === shown || countOf(of) > 0).map(({ label, of }) => (
            <option key={label} value={label}>
              {label} ({count(countOf(of))})
            </option>
          ))}
        </select>
      </label>
      <WindowList
        class="uploads-list"
        label="Files that are uploaded"
        items={entries}
        rowHeight={ROW_PIXELS}
        keyOf={({ id }) => id}
        row={(entry) => <Row entry={entry} isCutOff={state.trouble !== null} dispatch={dispatch} />}
      />
    </>
  );
}

interface RowProps {
  readonly entry: Entry;
  readonly isCutOff: boolean;
  readonly dispatch: (event: QueueEvent) => void;
}

function Row({ entry, isCutOff, dispatch }: RowProps) {
  const { id, name, status, size, sent, durable } = entry;
  const { folder, head, tail } = nameParts(name);
  const says = describeEntry(entry, isCutOff);
  const part = (bytes: number): string => `${size === 0 ? 0 : (100 * bytes) / size}%`;
  return (
    <div class="upload" data-status={status} data-name={name}>
      <p class="upload-name" title={name}>
        <span class="upload-folder">{folder}</span>
        <span class="upload-head">{head}</span>
        <span class="upload-tail">{tail}</span>
      </p>
      <p class="upload-status" title={says}>
        {says}
      </p>
      <div class="upload-buttons">
        {canPause(entry) && <Act label="Pause" act="pause" {...{ id, name, dispatch }} />}
        {status === 'paused' && <Act label="Go on with" act="resume" {...{ id, name, dispatch }} />}
        {status === 'failed' && entry.hasFile && (
          <Act label="Try again" act="retry" {...{ id, name, dispatch }} />
        )}
        {canCancel(entry) && <Act label="Cancel" act="cancel" {...{ id, name, dispatch }} />}
      </div>
      {BARRED.has(status) && (
        <div class="upload-bar" aria-hidden="true">
          <span class="upload-sent" style={{ width: part(sent) }} />
          <span class="upload-durable" style={{ width: part(durable) }} />
        </div>
      )}
    </div>
  );
}

const ICONS = { pause: PauseIcon, resume: GoOnIcon, retry: AgainIcon, cancel: CancelIcon } as const;

interface ActProps {
  readonly id: number;
  readonly name: string;
  readonly label: string;
  readonly act: keyof typeof ICONS;
  readonly dispatch: (event: QueueEvent) => void;
}

function Act({ id, name, label, act, dispatch }: ActProps) {
  const Icon = ICONS[act];
  return (
    <button
      type="button"
      class="icon-button"
      aria-label={`${label} ${name}`}
      title={label}
      onClick={() => dispatch({ type: act, id })}
    >
      <Icon />
    </button>
  );
}
