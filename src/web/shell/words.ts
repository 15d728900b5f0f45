/** Numbers and times in the reader's language. */
const [whole, short] = [
  new Intl.NumberFormat(),
  new Intl.NumberFormat(undefined, { maximumSignificantDigits: 3 }),
];
const when = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' });
const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];

export const count = (n: number): string => whole.format(n);

/** @example countOf(2000, 'frame') // '2,000 frames' */
export const countOf = (n: number, noun: string): string => `${count(n)} ${noun}${n === 1 ? '' : 's'}`;

/** @example bytes(1536) // '1.5 KiB' */
export function bytes(n: number): string {
  const power = n < 1 ? 0 : Math.min(Math.floor(Math.log2(n) / 10), UNITS.length - 1);
  return `${short.format(n / 1024 ** power)} ${UNITS[power]}`;
}

export const rate = (bytesASecond: number): string => `${bytes(bytesASecond)}/s`;

/** @param ms since 1970. */
export const moment = (ms: number): string => when.format(ms);

/** @example duration(3_725) // '1:02:05' */
export function duration(seconds: number): string {
  if (!Number.isFinite(seconds)) return '–';
  const all = Math.max(0, Math.ceil(seconds));
  const [h, m, s] = [Math.floor(all / 3600), Math.floor(all / 60) % 60, all % 60];
  const two = (n: number): string => String(n).padStart(2, '0');
  return h > 0 ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}

/** @example sentence('it broke') // 'it broke.' */
export const sentence = (words: string): string => (/[.?!]$/.test(words) ? words : `${words}.`);

/** What an error says. */
export const wordsOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
