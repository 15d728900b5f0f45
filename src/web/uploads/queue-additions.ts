/** Files that come into the list: dropped or picked, or remembered from before. */
import { explainBadFilename } from '../../files/protocol/filename.ts';
import { type Entry, isOver } from './entry.ts';
import type { AddedFile, RememberedFile, Step } from './queue-state.ts';

/**
 * Adds files. One that is picked again goes on where it was: the entry that needs it is found by its name. Where its
 * size or time is another one the upload begins anew, and what the server has of the old content is dropped. A file that
 * is in the list and not over is not added again.
 */
export function add(step: Step, files: readonly AddedFile[]): void {
  const entries = [...step.state.entries];
  const open = new Map<string, number>();
  entries.forEach((entry, at) => {
    if (!isOver(entry)) open.set(entry.source, at);
  });
  let { nextId } = step.state;
  const remembered: number[] = [];
  files.forEach((file, index) => {
    const at = open.get(file.source);
    const known = at === undefined ? undefined : entries[at]!;
    if (known?.hasFile && isSameSource(known, file) && known.status !== 'failed') return;
    if (known === undefined || (known.hasFile && known.status !== 'failed')) {
      const entry = newEntry(nextId++, file);
      open.set(file.source, entries.length);
      entries.push(entry);
      if (entry.status === 'failed') return;
      remembered.push(entry.id);
      step.effects.push({ type: 'keep', id: entry.id, index });
      return;
    }
    const { id, source, size, modified, ends, verify, onExists } = known;
    const isSame = isSameSource(known, file);
    if (!isSame) step.effects.push({ type: 'drop', id, source, size, modified, ends });
    const fresh = newEntry(id, file);
    entries[at!] = isSame
      ? { ...known, hasFile: true, why: '', status: known.status === 'elsewhere' ? 'elsewhere' : 'waiting' }
      : { ...fresh, verify: verify || file.verify, onExists };
    if (entries[at!]!.status === 'failed') return;
    remembered.push(id);
    step.effects.push({ type: 'keep', id, index });
  });
  step.state = { ...step.state, entries, nextId };
  if (remembered.length > 0) step.effects.push({ type: 'remember', ids: remembered });
}

const isSameSource = (a: AddedFile | Entry, b: AddedFile): boolean =>
  a.size === b.size && a.modified === b.modified;

function newEntry(id: number, { source, size, modified, verify }: AddedFile): Entry {
  const bad = explainBadFilename(source);
  return {
    id,
    source,
    size,
    modified,
    name: source,
    status: bad === null ? 'waiting' : 'failed',
    hasFile: bad === null,
    isAgain: false,
    ends: null,
    sent: 0,
    durable: 0,
    rate: 0,
    verify,
    onExists: 'ask',
    copy: 1,
    why: bad === null ? '' : `the name is not allowed: ${bad}`,
  };
}

/**
 * Lists what an earlier page has left behind, in front of nothing that is there already. What was asked about and not
 * answered was never begun: it is forgotten.
 */
export function remember(step: Step, records: readonly RememberedFile[]): void {
  const there = new Set(step.state.entries.filter((entry) => !isOver(entry)).map(({ source }) => source));
  const entries = [...step.state.entries];
  let { nextId } = step.state;
  for (const record of records) {
    if (there.has(record.source)) continue;
    const { source, size, modified, verify } = record;
    if (record.isUndecided) {
      step.effects.push({ type: 'forget', source, size, modified });
      continue;
    }
    there.add(source);
    const { name, ends, onExists, copy, durable = 0 } = record;
    const entry = newEntry(nextId++, { source, size, modified, verify });
    entries.push({
      ...entry,
      name,
      ends,
      onExists,
      copy,
      sent: durable,
      durable,
      hasFile: false,
      isAgain: true,
      status: 'needs-file',
    });
  }
  step.state = { ...step.state, entries, nextId };
}
