// Builds and runs the sender: sender.c where there is a C compiler, else sender.py, which does the same.
import { execFile, spawnSync } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { removeAtExit } from './tidy.mjs';

const here = (name) => fileURLToPath(new URL(name, import.meta.url));
let command;

/** The program and its leading arguments, built once. */
function sender() {
  if (command) return command;
  const built = join(removeAtExit(mkdtempSync(join(tmpdir(), 'sluice-sender-'))), 'sender');
  const cc = spawnSync('cc', ['-O2', '-o', built, here('sender.c')], { encoding: 'utf8' });
  if (cc.status === 0) command = [built];
  else {
    console.log(
      `the sender is Python's, slower for small files: no C compiler (${cc.error?.code ?? cc.stderr})`,
    );
    command = ['python3', here('sender.py')];
  }
  return command;
}

/**
 * Sends the files and answers the seconds it took, from connect to the last reply.
 *
 * @param protocol `wire`, `http`, or `mute`: Sluice's wire without ever reading a reply.
 * @param window how many requests may be ahead of their replies.
 */
export async function send(protocol, port, window, { dir, count }) {
  const [program, ...first] = sender();
  const args = [...first, protocol, String(port), String(window), dir, String(count)];
  const { stdout } = await promisify(execFile)(program, args);
  return Number(stdout);
}
