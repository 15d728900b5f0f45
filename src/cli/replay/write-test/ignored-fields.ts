/** The fields of recorded replies that may differ from run to run, and why: as the written test lists them. */

import { type ConversationLog, eventsOfEach } from '../../../capture/trim/conversation-log.ts';
import { sluiceReplies } from '../../../server/verify-replay.ts';
import { initialDeframeState, step } from '../../../wire/deframe/deframe-step.ts';
import type { JsonHeader } from '../../../wire/json-header.ts';

export interface IgnoredField {
  /** In the form of `DEFAULT_IGNORED_FIELDS`. */
  readonly name: string;
  readonly why: string;
}

/** All of `DEFAULT_IGNORED_FIELDS`, and what an error quotes. */
const REASONS: Readonly<Record<string, string>> = {
  mtime: 'when the server stored a file',
  durable: 'whether a file is on a disk: the server of the test keeps files in memory',
  'hello:server': 'which program it is',
  'hello:version': 'which version it is',
  'hello:limits': 'what that server allows',
  'hello:name': 'who a token belongs to: the recording has none',
  'hello:rights': 'what a token allows',
  'hello:prefix': 'where a token allows it',
  hex: 'how much of bad bytes an error quotes depends on how they were cut',
  ascii: 'the same bytes in letters',
};

export const reasonsByField: ReadonlyMap<string, string> = new Map(Object.entries(REASONS));

export interface Ignored {
  /** The fields that occur in the recorded replies, in the order of the table. */
  readonly fields: readonly IgnoredField[];
  /** Sentences about what is not compared besides. */
  readonly remarks: readonly string[];
}

export const NOTHING_IGNORED: Ignored = { fields: [], remarks: [] };

/** Lists the fields and replies of these conversations that a comparison ignores. */
export function ignoredIn(log: ConversationLog): Ignored {
  const { framing } = sluiceReplies();
  const names = new Set<string>();
  let [hasProgress, hasHidden] = [false, false];
  for (const events of eventsOfEach(log).values()) {
    let state = initialDeframeState<JsonHeader>();
    for (const event of events) {
      if (event.type === 'open' || event.from !== 'server') continue;
      if (event.type !== 'chunk') break;
      const stepped = step(framing, state, event.bytes);
      state = stepped.state;
      for (const frame of stepped.events) {
        if (frame.type !== 'start' && frame.type !== 'frame') continue;
        noteFields(frame.header, frame.header, names);
        hasProgress ||= frame.header.ack === 'progress';
        hasHidden ||= isHidden(frame.header.error);
      }
    }
  }
  return {
    fields: Object.entries(REASONS)
      .filter(([name]) => names.has(name))
      .map(([name, why]) => ({ name, why })),
    remarks: [
      ...(hasProgress ? ['Replies `progress` are not compared: how many come depends on the disk.'] : []),
      ...(hasHidden ? ['Errors about bytes that the recording hides are not compared.'] : []),
    ],
  };
}

/** Whether an error quotes bytes that were hidden. */
const isHidden = (error: unknown): boolean =>
  /^\*+$/.test(String((error as { readonly hex?: unknown } | null | undefined)?.hex ?? ''));

function noteFields(value: unknown, reply: JsonHeader, names: Set<string>): void {
  if (typeof value !== 'object' || value === null) return;
  for (const [name, inner] of Object.entries(value)) {
    names.add(name);
    names.add(`${String(reply.ack ?? reply.cmd)}:${name}`);
    noteFields(inner, reply, names);
  }
}
