/** Names and times in words, for a terminal. */
import { printable } from '../../base/printable.ts';

export { printable };

/** Hours, minutes and seconds, or from 100 hours on days. @example formatSeconds(75) // '1:15' */
export function formatSeconds(seconds: number): string {
  if (!Number.isFinite(seconds)) return '-:--';
  const whole = Math.ceil(seconds);
  const two = (value: number) => String(value).padStart(2, '0');
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  if (hours >= 100) return `${Math.ceil(hours / 24)} d`;
  return hours > 0 ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
}

/**
 * Removes a name from a message that is printed behind that name. @example withoutName('a', 'no: a is b') // 'no: it is
 * b'
 */
export const withoutName = (name: string, why: string): string =>
  (why.startsWith(`${name}: `) ? why.slice(name.length + 2) : why).replace(`: ${name} is `, ': it is ');

/** `NAME: WHY` for a terminal. Both may come from a stranger. An empty name is shown as two quotes. */
export const ofName = (name: string, why: string): string =>
  `${name === '' ? "''" : printable(name)}: ${printable(withoutName(name, why))}`;

const wide =
  /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|\p{Extended_Pictographic}|[\u{20000}-\u{3fffd}]/u;
const combining = /\p{M}/u;

const widthOf = (character: string): number => (wide.test(character) ? 2 : combining.test(character) ? 0 : 1);

/** Pads a name to so many columns of a terminal, or cuts it in the middle. */
export function fitted(name: string, columns: number): string {
  const characters = [...name];
  const width = characters.reduce((sum, it) => sum + widthOf(it), 0);
  if (width <= columns) return name + ' '.repeat(columns - width);
  const take = (from: readonly string[], room: number): [string[], number] => {
    const taken: string[] = [];
    let used = 0;
    for (const it of from) {
      if (used + widthOf(it) > room) break;
      taken.push(it);
      used += widthOf(it);
    }
    return [taken, used];
  };
  // The end of a path says more than its beginning.
  const [head, used] = take(characters, Math.floor((columns - 1) / 3));
  const [tail, rest] = take(characters.toReversed(), columns - 1 - used);
  return `${head.join('')}…${tail.toReversed().join('')}${' '.repeat(columns - 1 - used - rest)}`;
}

/** Cuts a text that is wider than so many columns of a terminal: a path in the middle, any other at its end. */
export function cutTo(text: string, columns: number): string {
  // No character is wider than two columns.
  if (2 * text.length <= columns) return text;
  const characters = [...text];
  if (characters.reduce((sum, it) => sum + widthOf(it), 0) <= columns) return text;
  if (text.includes('/')) return fitted(text, columns).trimEnd();
  let room = columns - 1;
  const end = characters.findIndex((it) => {
    room -= widthOf(it);
    return room < 0;
  });
  return `${characters.slice(0, end).join('')}…`;
}

/** Milliseconds since 1970 as local time, to the minute. @example '2024-01-31 09:05' */
export function formatTime(millis: number): string {
  const date = new Date(millis);
  if (Number.isNaN(date.getTime())) return '?'.padEnd(16);
  const two = (value: number) => String(value).padStart(2, '0');
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}`;
}
