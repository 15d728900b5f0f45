/** How the conversations of a test are framed: found out or asked for, and as the text of the file. */

import { presetAt } from '../../../capture/inspect/framing-choice.ts';
import type { InspectOptions } from '../../../capture/inspect/inspect.ts';
import { looksLikeSluice, SLUICE_PREFIX_BYTES } from '../../../capture/inspect/sluice-wire.ts';
import type { LoggedConversation } from '../../../capture/trim/conversation-log.ts';
import { sluiceReplies } from '../../../server/verify-replay.ts';
import type { ReplyFraming } from '../../../testing/reply-framing.ts';
import type { Framing } from '../../../wire/framing.ts';
import { type LengthFieldOptions, lengthField } from '../../../wire/length-field.ts';
import { presetNamed } from '../../../wire/presets.ts';
import { presetOf } from '../../inspect/options.ts';

/**
 * - `sluice`: Sluice's own wire.
 * - `preset`, `length-field`: as named.
 * - `none`: bytes without frames.
 * - `own`: as the user's own pipeline has it.
 */
export type TestFraming =
  | { readonly type: 'sluice' | 'none' | 'own' }
  | { readonly type: 'preset'; readonly name: string }
  | { readonly type: 'length-field'; readonly options: LengthFieldOptions };

export const framingNamed = (name: string): TestFraming =>
  name === 'sluice' || name === 'none' ? { type: name } : { type: 'preset', name };

/** As an option of the matcher; undefined when the service knows it itself. */
export function replyFramingOf(framing: TestFraming): ReplyFraming | undefined {
  switch (framing.type) {
    case 'preset':
      return presetNamed(framing.name)!;
    case 'length-field':
      return lengthField(framing.options);
    case 'none':
      return 'none';
    default:
      return undefined;
  }
}

/** How the recorded replies are found; null when only the pipeline knows. */
export function recordedFraming(framing: TestFraming): (() => Framing<unknown>) | null {
  switch (framing.type) {
    case 'sluice':
      return () => sluiceReplies().framing as Framing<unknown>;
    case 'preset':
      return () => presetNamed(framing.name)!.framing();
    case 'length-field':
      return () => lengthField({ ...framing.options, delivery: () => 'skip' });
    default:
      return null;
  }
}

/** As options of `inspect`, for the names of frames. */
export function inspectOptionsOf(framing: TestFraming): InspectOptions {
  switch (framing.type) {
    case 'length-field':
      return { framing: lengthField(framing.options) };
    case 'own':
      return {};
    default:
      return { preset: presetOf(framing.type === 'preset' ? framing.name : framing.type) };
  }
}

/** The expression in the file, and what it imports from `sluice`; null when there is none. */
export function framingSource(
  framing: TestFraming,
): { readonly code: string; readonly imports: string } | null {
  switch (framing.type) {
    case 'preset':
      return { code: `presets.${framing.name}`, imports: 'presets' };
    case 'length-field':
      return { code: `lengthField(${optionsSource(framing.options)})`, imports: 'lengthField' };
    case 'none':
      return { code: "'none'", imports: '' };
    default:
      return null;
  }
}

/** The options are words and numbers, of the command line's own grammar. */
const optionsSource = (options: object): string =>
  `{ ${Object.entries(options)
    .map(([name, value]) => `${name}: ${typeof value === 'string' ? `'${value}'` : String(value)}`)
    .join(', ')} }`;

/** The framing of a conversation by its first bytes or its port: Sluice's, a preset's, or null when neither says. */
function framingOf({ first, recorded }: LoggedConversation): TestFraming | null {
  if (looksLikeSluice(first.client)) return { type: 'sluice' };
  const preset = presetAt(recorded.server);
  return preset === null ? null : { type: 'preset', name: preset.name };
}

/** The framing of the conversations: Sluice's if any of them is, else the first that is known; null when none is. */
export function foundFraming(conversations: readonly LoggedConversation[]): TestFraming | null {
  const found = conversations.map(framingOf);
  return found.find((framing) => framing?.type === 'sluice') ?? found.find((it) => it !== null) ?? null;
}

/** Whether a conversation is of the protocol that was found in others of the same capture. */
export function isFramedSo(framing: TestFraming, conversation: LoggedConversation): boolean {
  const own = framingOf(conversation);
  if (own?.type === 'preset') return framing.type === 'preset' && own.name === framing.name;
  // A client that sent nothing, or too little to tell, may be one of Sluice.
  if (framing.type === 'sluice')
    return own !== null || conversation.first.client.length < SLUICE_PREFIX_BYTES;
  return false;
}
