/** A terminal for tests: what is written to it, and what one then sees. */
import { Writable } from 'node:stream';

/** A stream that passes for a terminal, and the rows that it shows; each as long as what stands in it. */
export interface Screen {
  readonly stream: NodeJS.WriteStream;
  readonly rows: () => readonly string[];
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what a terminal obeys.
const token = /\x1b\[(\??)(\d*)([A-Za-z])|./gs;

/** Of characters one column wide, and endlessly many rows. Knows what `readline` and cli-progress write. */
export function createScreen(columns: number): Screen {
  const rows: string[][] = [[]];
  let [x, y, wraps] = [0, 0, true];

  const row = (): string[] => {
    rows[y] ??= [];
    return rows[y]!;
  };

  function print(character: string): void {
    if (x >= columns && wraps) [x, y] = [0, y + 1];
    // Without wrapping all that is too long lands in the last column.
    x = Math.min(x, columns - 1);
    row()[x++] = character;
  }

  function obey(mode: string, digits: string, letter: string): void {
    const count = digits === '' ? 1 : Number(digits);
    if (mode === '?') {
      if (digits === '7') wraps = letter === 'h';
    } else if (letter === 'A') y = Math.max(0, y - count);
    else if (letter === 'B') y += count;
    else if (letter === 'C') x += count;
    else if (letter === 'D') x = Math.max(0, x - count);
    else if (letter === 'G') x = count - 1;
    else if (letter === 'K') row().length = digits === '2' ? 0 : Math.min(row().length, x);
    else if (letter === 'J') {
      row().length = Math.min(row().length, x);
      rows.length = y + 1;
    } else throw new Error(`the screen does not know ${letter}`);
  }

  const stream = new Writable({
    decodeStrings: false,
    write(text: string, _, done) {
      for (const [all, mode, digits, letter] of String(text).matchAll(token)) {
        if (letter !== undefined) obey(mode!, digits!, letter);
        else if (all === '\n') [x, y] = [0, y + 1];
        else print(all);
      }
      done();
    },
  });
  return {
    stream: Object.assign(stream, { isTTY: true, columns }) as unknown as NodeJS.WriteStream,
    rows: () =>
      Array.from(rows, (row) =>
        Array.from(row ?? [], (it) => it ?? ' ')
          .join('')
          .trimEnd(),
      ),
  };
}
