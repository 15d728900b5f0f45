/**
 * Which entries are chosen, and where the keyboard is, as a reducer.
 *
 * ```text
 *  key                         does
 *  ↑ ↓ Home End PgUp PgDn      moves; with Shift also chooses what it passes
 *  Space                       chooses, or no longer
 *  Ctrl+A, Escape              chooses all, or nothing
 * ```
 */
import type { Entry } from './entry.ts';

export interface Selection {
  /** The paths that are chosen. */
  readonly chosen: ReadonlySet<string>;
  /** The path of the entry where the keyboard is; null before it was used. */
  readonly cursor: string | null;
}

export const nobody: Selection = { chosen: new Set(), cursor: null };

export interface Key {
  readonly key: string;
  readonly shiftKey: boolean;
  readonly ctrlKey: boolean;
  readonly metaKey: boolean;
}

/** Rows that PgUp and PgDn pass. */
const PAGE = 15;

/** The selection after a key; null when the key means nothing here. */
export function onKey(selection: Selection, entries: readonly Entry[], key: Key): Selection | null {
  const at = indexOf(selection, entries);
  if ((key.ctrlKey || key.metaKey) && key.key.toLowerCase() === 'a') return allOf(selection, entries);
  if (key.ctrlKey || key.metaKey || entries.length === 0) return null;
  switch (key.key) {
    case 'ArrowDown':
      return moved(selection, entries, at < 0 ? 0 : at + 1, key.shiftKey);
    case 'ArrowUp':
      return moved(selection, entries, at - 1, key.shiftKey);
    case 'PageDown':
      return moved(selection, entries, at + PAGE, key.shiftKey);
    case 'PageUp':
      return moved(selection, entries, at - PAGE, key.shiftKey);
    case 'Home':
      return moved(selection, entries, 0, key.shiftKey);
    case 'End':
      return moved(selection, entries, entries.length - 1, key.shiftKey);
    case ' ':
      return at < 0 ? null : toggled(selection, entries[at]!.path);
    case 'Escape':
      return selection.chosen.size === 0 ? null : noneOf(selection);
    default:
      return null;
  }
}

export const allOf = (selection: Selection, entries: readonly Entry[]): Selection => ({
  ...selection,
  chosen: new Set(entries.map(({ path }) => path)),
});

export const noneOf = (selection: Selection): Selection => ({ ...selection, chosen: new Set() });

export function toggled({ chosen, cursor }: Selection, path: string): Selection {
  const next = new Set(chosen);
  if (!next.delete(path)) next.add(path);
  return { chosen: next, cursor: cursor === null ? path : cursor };
}

/** The place of the cursor; -1 when it is nowhere. */
export const indexOf = ({ cursor }: Selection, entries: readonly Entry[]): number =>
  cursor === null ? -1 : entries.findIndex(({ path }) => path === cursor);

/** Only what is still there stays chosen. */
export function among({ chosen, cursor }: Selection, entries: readonly Entry[]): Selection {
  const there = new Set(entries.map(({ path }) => path));
  return {
    chosen: new Set([...chosen].filter((path) => there.has(path))),
    cursor: cursor !== null && there.has(cursor) ? cursor : null,
  };
}

function moved(selection: Selection, entries: readonly Entry[], to: number, chooses: boolean): Selection {
  const at = indexOf(selection, entries);
  const end = Math.min(Math.max(to, 0), entries.length - 1);
  const cursor = entries[end]!.path;
  if (!chooses) return { ...selection, cursor };
  const [first, last] = [Math.min(at < 0 ? end : at, end), Math.max(at, end)];
  const passed = entries.slice(first, last + 1).map(({ path }) => path);
  return { chosen: new Set([...selection.chosen, ...passed]), cursor };
}
