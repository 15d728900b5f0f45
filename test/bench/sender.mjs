// Builds and runs the programs that send and receive: in C where there is a C compiler, else in Python, which do the same.
import { execFile, spawnSync } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { removeAtExit } from './tidy.mjs';

const here = (name) => fileURLToPath(new URL(name, import.meta.url));
const commands = new Map();

/** The program of that name and its leading arguments, built once. */
function program(name) {
  const known = commands.get(name);
  if (known !== undefined) return known;
  const built = join(removeAtExit(mkdtempSync(join(tmpdir(), `sluice-${name}-`))), name);
  const cc = spawnSync('cc', ['-O2', '-o', built, here(`${name}.c`)], { encoding: 'utf8' });
  let command = [built];
  if (cc.status !== 0) {
    console.log(`the ${name} is Python's, which is slower: no C compiler (${cc.error?.code ?? cc.stderr})`);
    command = ['python3', here(`${name}.py`)];
  }
  commands.set(name, command);
  return command;
}

async function seconds(name, args) {
  const [file, ...first] = program(name);
  const { stdout } = await promisify(execFile)(file, [...first, ...args]);
  return Number(stdout);
}

/**
 * Sends the files and answers the seconds it took, from connect to the last reply.
 *
 * @param protocol `wire`, `http`, or `mute`: Sluice's wire without ever reading a reply.
 * @param window how many requests may be ahead of their replies.
 */
export const send = (protocol, port, window, { dir, count }) =>
  seconds('sender', [protocol, String(port), String(window), dir, String(count)]);

/**
 * Gets a file, discards it, and answers the seconds it took, from connect to the last byte.
 *
 * @param protocol `wire` or `http`.
 */
export const receive = (protocol, port, name) => seconds('receiver', [protocol, String(port), name]);
