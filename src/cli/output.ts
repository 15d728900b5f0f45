/**
 * What a command prints: results on stdout, troubles on stderr.
 *
 * Lines are gathered for a turn of the event loop, so that ten thousand of them are a few writes. A reader that goes away
 * (`| head`) is no error: what is printed from then on is dropped, and `gone` says so to whoever works only to print.
 */

const most = 64 * 1024;

export interface Output {
  readonly line: (text: string) => void;
  readonly json: (value: unknown) => void;
  /** Bytes as they are; resolves when they were taken. */
  readonly bytes: (chunk: Uint8Array) => Promise<void>;
  readonly trouble: (text: string) => void;
  /** Nobody reads stdout any more. */
  readonly gone: () => boolean;
  /** Writes what was gathered. */
  readonly flush: () => void;
}

export function createOutput(stdout = process.stdout, stderr = process.stderr): Output {
  let lines = '';
  let gone = false;
  let scheduled = false;
  stdout.on('error', (error: NodeJS.ErrnoException) => {
    gone = true;
    if (error.code !== 'EPIPE') stderr.write(`sluice: stdout cannot be written to: ${error.message}\n`);
  });
  stderr.on('error', () => {});

  function flush(): void {
    scheduled = false;
    const text = lines;
    lines = '';
    if (text !== '' && !gone) stdout.write(text);
  }

  function line(text: string): void {
    lines += `${text}\n`;
    if (lines.length >= most) flush();
    else if (!scheduled) {
      scheduled = true;
      setImmediate(flush);
    }
  }

  return {
    line,
    json: (value) => line(JSON.stringify(value)),
    bytes: (chunk) =>
      new Promise((resolve) => {
        if (gone) resolve();
        else stdout.write(chunk, () => resolve());
      }),
    trouble: (text) => {
      flush();
      stderr.write(`sluice: ${text}\n`);
    },
    gone: () => gone,
    flush,
  };
}
