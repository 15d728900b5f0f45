/** How the replies of a recorded server are framed, and which of their fields count for nothing. */
import { presetReplies } from '../capture/replay/asked-replies.ts';
import type { Replies } from '../capture/replay/replies.ts';
import { CODEC, either, FRAMING, oneOf, type Rule, withMethods } from '../wire/argument.ts';
import { rawBytes } from '../wire/codecs/raw-bytes.ts';
import { textChunks } from '../wire/codecs/text-chunks.ts';
import type { Framing } from '../wire/framing.ts';
import type { Preset } from '../wire/preset.ts';
import { type AnyCodec, codecFraming } from './codec-framing.ts';

/**
 * How replies are framed: a preset (`dns`), a framing or a codec (`lengthField({ … })`, `lines({ … })`), or `none`,
 * which compares their bytes alone.
 */
export type ReplyFraming = Preset | Framing<unknown> | AnyCodec | 'none';

const PRESET = withMethods('a preset, such as dns', ['framing', 'label']);
export const REPLY_FRAMING: Rule = either(either(PRESET, FRAMING), either(CODEC, oneOf('none')));

/** Null compares bytes. */
export function framedReplies(framing: ReplyFraming, ignore: readonly string[]): Replies<unknown> | null {
  const ignored = ignoredFields(ignore);
  if (framing === 'none') return null;
  if (PRESET.isKind(framing)) return { ...presetReplies(framing as Preset), ignored };
  if (FRAMING.isKind(framing)) return { framing: streamed(framing as Framing<unknown>), ignored };
  const codec = framing as AnyCodec;
  // The messages of these are the pieces in which the bytes come.
  if (codec === rawBytes || codec === textChunks) return null;
  return { framing: codecFraming(codec), createFraming: () => codecFraming(codec), ignored };
}

/** The same framing with bodies of any length as they come: none is skipped, or too large to be handed on whole. */
export const streamed = (framing: Framing<unknown>): Framing<unknown> => ({
  maxHead: framing.maxHead,
  maxWhole: framing.maxWhole,
  headLength: (bytes, start, end) => framing.headLength(bytes, start, end),
  parseHead(bytes, start, end) {
    const parsed = framing.parseHead(bytes, start, end);
    return 'code' in parsed ? parsed : { ...parsed, delivery: 'stream' };
  },
});

function ignoredFields(ignore: readonly string[]): (path: string) => boolean {
  const names = new Set(ignore);
  return (path) => names.has(path.slice(path.lastIndexOf('.') + 1));
}
