/**
 * The programs that some tests judge by: found, and where that can be done, installed before the first test.
 *
 * They are Debian's packages, so on Debian as root `npm test` installs what is missing. Elsewhere the tests that need
 * one are skipped, and it is said which. In CI nothing is skipped: what is missing there is a failure.
 */
import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** Each program, and what is not tested without it. */
const tools = {
  tshark: 'what captures hold, judged by Wireshark',
  tcpdump: 'captures read by tcpdump',
  chromium: 'the page of `sluice inspect --html`, and WebSockets, in a browser',
  zsh: 'the completion for zsh',
  fish: 'the completion for fish',
} as const;

export type Tool = keyof typeof tools;

const names = Object.keys(tools) as Tool[];
const inCi = Boolean(process.env.CI);

/** Where a program is, or null. Debian keeps some in /usr/sbin, where not everybody looks. */
export function pathOf(tool: string): string | null {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/bin', '/usr/sbin'];
  for (const folder of folders) {
    const path = join(folder, tool);
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {}
  }
  return null;
}

/**
 * Whether tests that need this program can run. Never false in CI.
 *
 * @throws Error in CI, when it is missing.
 * @example describe.skipIf(!need('tshark'))('captures', () => { … });
 */
export function need(tool: Tool): boolean {
  if (pathOf(tool) !== null) return true;
  if (inCi) throw new Error(`${tool} is missing, and CI skips nothing: apt-get install ${tool}`);
  return false;
}

const missing = (): Tool[] => names.filter((tool) => pathOf(tool) === null);

/** Vitest's globalSetup: runs once, before the tests of all files. */
export default function installTools(): void {
  const wanted = missing();
  if (wanted.length === 0) return;
  const canInstall = process.getuid?.() === 0 && existsSync('/etc/debian_version');
  if (canInstall) install(wanted);
  const absent = missing();
  if (absent.length === 0) return;
  if (inCi) throw new Error(`${absent.join(', ')} could not be installed, and CI skips nothing`);
  for (const tool of absent) console.warn(`Skipped, for there is no ${tool}: ${tools[tool]}.`);
  if (!canInstall) console.warn(`On Debian: sudo apt-get install ${absent.join(' ')}`);
}

function install(wanted: readonly Tool[]): void {
  console.log(`Installing Debian packages that tests need: ${wanted.join(', ')} (apt-get) …`);
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const apt = (...args: string[]) =>
    spawnSync('apt-get', ['-qq', ...args], { env, stdio: ['ignore', 'ignore', 'inherit'] }).status === 0;
  // A list of packages may be old and good enough, so a failed update is not the end.
  apt('update');
  apt('install', '-y', '--no-install-recommends', ...wanted);
}
