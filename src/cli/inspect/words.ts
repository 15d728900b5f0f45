/** Texts of the table. Times are in nanoseconds. */

/** @example elapsed(1_500_000n) // '0.001500' */
export function elapsed(nanos: bigint): string {
  return (Number(nanos) / 1e9).toFixed(6);
}

/** Text in lines of so many columns, cut between words. */
export function wrapped(text: string, columns: number): string[] {
  if (text.length <= columns && !text.startsWith(' ')) return [text];
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > columns) {
      lines.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, line];
}

/** What says a framing where none is known. */
export const FRAMING_OPTIONS = '--preset or --length-field says one';
