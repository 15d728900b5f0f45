/** Files that go to stdout, one behind the other. */
import type { Output } from '../../shared/output.ts';
import type { LocalFile, LocalFileOptions } from '../local-file.ts';

const NUL = 0;

/** @param textOnly a NUL ends the file as a failure: on a terminal, what has one is no text, and may leave it unusable. */
export function beginPrintedFile(
  { again, written, failed }: LocalFileOptions,
  output: Pick<Output, 'bytes'>,
  textOnly: boolean,
): LocalFile {
  // Printed bytes cannot be taken back.
  if (again) throw new Error('the file changed on the server while it was being printed');
  let last = Promise.resolve();
  return {
    write: (bytes) => {
      if (textOnly && bytes.includes(NUL)) {
        written(bytes.length);
        failed(new Error(BINARY));
      } else last = output.bytes(bytes).then(() => written(bytes.length));
    },
    finish: () => last.then(() => 'placed'),
    abort: () => {},
  };
}

const BINARY =
  'binary bytes are not printed on a terminal, which they can leave unusable: "sluice get" stores them, "get --out -" prints them all the same';
