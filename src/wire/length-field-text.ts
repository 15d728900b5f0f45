/** A length field as text: `width=4,endian=little,counts=frame`. */
import { nearest } from '../base/nearest.ts';
import { type LengthFieldOptions, lengthField } from './length-field.ts';

/** The default of `max`: a greater length is a sign that the framing is wrong. */
const BODY_BYTES_MAX = 2 ** 30;

const asNumber = (text: string): number => (/^-?\d{1,16}$/.test(text) ? Number(text) : Number.NaN);

const isTrue = (text: string): boolean => {
  if (text === 'true' || text === 'false') return text === 'true';
  throw new RangeError('signed must be true or false.');
};

/** The keys of `--length-field`, and the option that each sets. */
const KEYS: Readonly<Record<string, (text: string) => Partial<LengthFieldOptions>>> = {
  width: (text) => ({ width: (text === 'varint' ? text : asNumber(text)) as LengthFieldOptions['width'] }),
  endian: (text) => ({ endian: text as 'big' }),
  signed: (text) => ({ signed: isTrue(text) }),
  offset: (text) => ({ offset: asNumber(text) }),
  counts: (text) => ({ counts: text as 'body' }),
  adjustment: (text) => ({ adjustment: asNumber(text) }),
  max: (text) => ({ maxLength: asNumber(text) }),
};

/**
 * The options of a framing by length field, which are checked.
 *
 * @throws RangeError with a message of whole sentences.
 * @example lengthFieldText('width=2,counts=frame') // { width: 2, counts: 'frame', maxLength: 1_073_741_824 }
 */
export function lengthFieldText(text: string): LengthFieldOptions {
  let options: Partial<LengthFieldOptions> = {};
  for (const pair of text.split(',')) {
    const [key = '', value, ...rest] = pair.split('=');
    if (!Object.hasOwn(KEYS, key) || value === undefined || value === '' || rest.length > 0) {
      const near = nearest(key, Object.keys(KEYS));
      const what = Object.hasOwn(KEYS, key)
        ? `"${pair}" says no value`
        : `"${key}" is no key${near === undefined ? '' : `: did you mean ${near}?`}`;
      throw new RangeError(`${what}. It must be KEY=VALUE,… with ${Object.keys(KEYS).join(', ')}.`);
    }
    options = { ...options, ...KEYS[key]!(value) };
  }
  if (options.width === undefined) throw new RangeError('It must say width=1, 2, 3, 4, 8 or varint.');
  try {
    const { width, maxLength = BODY_BYTES_MAX, ...others } = options;
    const whole: LengthFieldOptions = { width, ...others, maxLength };
    lengthField(whole);
    return whole;
  } catch (error) {
    if (error instanceof RangeError) throw new RangeError(`${error.message}.`);
    throw error;
  }
}
