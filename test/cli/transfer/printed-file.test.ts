/** Files that are printed: in pieces, and as text only where they go to a terminal. */
import { expect, test } from 'vitest';
import { beginPrintedFile } from '../../../src/cli/transfer/stdio/printed-file.ts';

const print = async (textOnly: boolean, pieces: readonly string[]) => {
  const printed: string[] = [];
  const failures: string[] = [];
  let written = 0;
  const file = beginPrintedFile(
    {
      ...{ path: '', size: 0, mtime: 0, again: false },
      written: (bytes) => {
        written += bytes;
      },
      failed: (error) => failures.push((error as Error).message),
    },
    { bytes: async (bytes) => void printed.push(Buffer.from(bytes).toString()) },
    textOnly,
  );
  for (const piece of pieces) file.write(Buffer.from(piece));
  await file.finish();
  return { printed, failures, written };
};

test('text is printed whole, on a terminal too, with its colours and any language', async () => {
  const pieces = ['\x1b[31mred\x1b[0m\n', 'ü空\n'];
  const written = Buffer.byteLength(pieces.join(''));
  for (const textOnly of [true, false])
    expect(await print(textOnly, pieces)).toEqual({ printed: pieces, failures: [], written });
});

test('a piece with a NUL is not printed where there must be text, fails the file, and is held no longer', async () => {
  const { printed, failures, written } = await print(true, ['text\n', '\x7fELF\0\x01']);
  expect([printed, written]).toEqual([['text\n'], 11]);
  expect(failures).toEqual([expect.stringMatching(/^binary bytes are not printed on a terminal/)]);
  expect(await print(false, ['\0'])).toEqual({ printed: ['\0'], failures: [], written: 1 });
});
