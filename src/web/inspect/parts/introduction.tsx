/** The totals of the recording, and what is not shown of it. */

import { count, countOf } from '../../shell/words.ts';
import { FOUND_AGAIN } from '../model/items.ts';
import type { Recording } from '../model/recording.ts';

export function Introduction({ recording, more }: { readonly recording: Recording; readonly more: string }) {
  return (
    <header class="introduction">
      <h2 id="name">{recording.name}</h2>
      <p id="sum" class="hint">
        {sumOf(recording)}
      </p>
      <div id="notes">
        {notesOf(recording, more).map((note) => (
          <p key={note} class="note">
            {note}
          </p>
        ))}
      </div>
    </header>
  );
}

function sumOf({ totals }: Recording): string {
  return [
    countOf(totals.conversations, 'conversation'),
    countOf(totals.frames, 'frame'),
    countOf(totals.chunks, 'chunk'),
    countOf(totals.gaps, 'gap'),
    countOf(totals.faults, 'fault'),
    ...(totals.conflicts > 0 ? [countOf(totals.conflicts, 'conflict')] : []),
    ...(totals.ignored > 0 ? [`${count(totals.ignored)} ignored`] : []),
  ].join(', ');
}

/** @param more how more of it can be seen, in words. */
function notesOf({ fault, unread, differing, totals, conversations }: Recording, more: string): string[] {
  const shown = { conversations: conversations.length, frames: 0, chunks: 0, gaps: 0, faults: 0 };
  for (const { sides } of conversations) {
    for (const side of [sides.client, sides.server]) {
      shown.frames += side.labels.length;
      shown.chunks += side.chunkRows;
      shown.gaps += side.gaps.length;
      shown.faults += side.faults.filter(([, code]) => code !== FOUND_AGAIN).length;
    }
  }
  const left = (Object.keys(shown) as (keyof typeof shown)[])
    .filter((kind) => shown[kind] < totals[kind])
    .map((kind) => `${count(shown[kind])} of ${count(totals[kind])} ${kind}`);
  const notes: string[] = [];
  if (fault !== null) notes.push(`The reading ended early: ${fault}`);
  if (unread.length > 0) notes.push(`Not read: ${unread.join('; ')}`);
  notes.push(...differing);
  if (left.length > 0) {
    const which = 'the first, and those in front of faults and gaps';
    const rest = 'Of the others it is drawn how many there are, paler.';
    notes.push(`This page has ${left.join(', ')}: ${which}. ${rest} ${more}`);
  }
  return notes;
}
