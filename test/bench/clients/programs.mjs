// Builds and runs the programs that send and receive: in C where there is a C compiler, else in Python, which do the same.
import { execFile, spawnSync } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { fileName } from '../support/files.mjs';
import { removeAtExit } from '../support/tidy.mjs';

const here = (name) => fileURLToPath(new URL(name, import.meta.url));
const libraries = { tls: ['-lssl', '-lcrypto'] };
const commands = new Map();

/** The program of that name and its leading arguments, built once. */
function program(name) {
  const known = commands.get(name);
  if (known !== undefined) return known;
  const built = join(removeAtExit(mkdtempSync(join(tmpdir(), `sluice-${name}-`))), name);
  const cc = spawnSync('cc', ['-O2', '-o', built, here(`${name}.c`), ...(libraries[name] ?? [])], {
    encoding: 'utf8',
  });
  let command = [built];
  if (cc.status !== 0) {
    const why =
      cc.error === undefined ? `cc says ${cc.stderr.trim().split('\n')[0]}` : 'there is no C compiler';
    console.log(`the client ${name} is Python's, which is slower: ${why}`);
    command = ['python3', '-B', here(`${name}.py`)];
  }
  commands.set(name, command);
  return command;
}

/** Runs the program, which prints seconds and processor seconds. */
async function run(name, args) {
  const [file, ...first] = program(name);
  const { stdout } = await promisify(execFile)(file, [...first, ...args.map(String)]);
  const [seconds, cpu] = stdout.split(' ').map(Number);
  return { seconds, cpu };
}

/**
 * Sends the files and answers the seconds it took, from connect to the last reply.
 *
 * @param protocol `wire`, `http`, or `mute`: Sluice's wire without ever reading a reply.
 * @param address a port of this machine, or the path of a Unix socket.
 * @param window how many requests may be ahead of their replies.
 * @param prefix is put before each file's name, so that two who send the same files do not meet.
 */
export const send = async (protocol, address, window, { dir, count }, prefix = '') =>
  (await run('sender', [protocol, address, window, dir, count, prefix])).seconds;

/**
 * Gets a file, discards it, and answers the seconds it took, from connect to the last byte.
 *
 * @param protocol `wire` or `http`.
 */
export const receive = async (protocol, address, name) =>
  (await run('receiver', [protocol, address, name])).seconds;

/** Sends one file over TLS; answers the seconds from the handshake to the reply, and the sender's processor seconds. */
export const sendByTls = (protocol, port, { dir }) =>
  run('tls', ['put', protocol, port, join(dir, fileName(0)), fileName(0)]);

/** Gets that file over TLS and discards it; answers the seconds to the last byte, and the receiver's processor seconds. */
export const receiveByTls = (protocol, port) => run('tls', ['get', protocol, port, fileName(0)]);

/** What the client of TLS is, in a few words. */
export const tlsClient = () => (program('tls')[0] === 'python3' ? "Python's ssl" : 'OpenSSL in C');
