/** What a server is told, checked where it comes in: a bound that is not a number would bound nothing. */

import { checkCommands } from '../files/session/check-commands.ts';
import { defaultLimits, type Limits } from '../runtime/limits.ts';
import {
  checkOptions,
  FUNCTION,
  MILLISECONDS,
  numberFrom,
  OBSERVABLE,
  optional,
  RECORD,
  STORE,
  withMethods,
} from '../wire/argument.ts';
import type { ServeOptions } from './serve.ts';

const ACCESS = withMethods('an access, such as openAccessFile has', ['initial', 'byToken', 'current']);
const RULES = {
  connections$: OBSERVABLE,
  store: STORE,
  customHandlers: optional(RECORD),
  limits: optional(RECORD),
  access: optional(ACCESS),
  shutdown$: optional(OBSERVABLE),
  stats: optional(FUNCTION),
};

/** @throws TypeError or RangeError that names the option. */
export function checkServe(options: ServeOptions): void {
  checkOptions('serve', options, RULES);
  if (options.commands !== undefined) checkCommands('serve', options.commands);
  const limits: Limits = { ...defaultLimits, ...options.limits };
  checkBounds('serve: limits', limits, defaultLimits);
  checkOptions('serve: limits', limits, { linger: MILLISECONDS, grace: MILLISECONDS });
}

/** Every number that there is in one is a number in the other, in objects within it too. */
function checkBounds(of: string, given: object, model: object): void {
  for (const [field, bound] of Object.entries(model)) {
    const value = (given as Readonly<Record<string, unknown>>)[field];
    if (typeof bound === 'number') checkOptions(of, given, { [field]: numberFrom(0) });
    else {
      checkOptions(of, given, { [field]: RECORD });
      checkBounds(`${of}.${field}`, value as object, bound);
    }
  }
}
