/** The options of `sluice inspect`, parsed. */
import type { TimeBound } from '../../capture/inspect/time-range.ts';
import type { Framing } from '../../wire/framing.ts';
import type { ColorChoice } from '../shared/color.ts';
import type { Followed } from './follow.ts';
import type { ListOrder } from './list/listed.ts';
import type { Needle } from './needle.ts';
import type { DecodeAs } from './options.ts';

export interface InspectFlags {
  readonly preset?: string;
  readonly lengthField?: Framing<unknown>;
  readonly decodeAs?: DecodeAs;
  readonly only?: readonly (number | string)[];
  readonly after?: TimeBound;
  readonly before?: TimeBound;
  readonly frames?: number;
  readonly chunks?: boolean;
  readonly chunkBytes?: number;
  readonly absolute?: boolean;
  readonly json?: boolean;
  readonly html?: string;
  readonly list?: boolean;
  readonly sort?: ListOrder;
  readonly find?: Needle;
  readonly follow?: Followed;
  readonly write?: string;
  readonly force?: boolean;
  readonly color: ColorChoice;
  readonly presets?: boolean;
}
