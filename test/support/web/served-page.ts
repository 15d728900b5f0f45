/** `sluice serve --web` as a process, with tokens, and a browser for all tests of a file. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { afterAll, beforeAll, onTestFinished } from 'vitest';
import { type Serving, startServe } from '../processes/cli.ts';
import { startChromium } from './browser.ts';

/** How long a page may take until it shows something; a busy machine needs its time. */
const PATIENCE_MS = 120_000;

/** The tokens by the names of those who have them. */
export const tokens = {
  all: 'the-token-of-who-may-all',
  reader: 'the-token-of-a-reader',
  inside: 'the-token-of-one-inside',
  watcher: 'the-token-of-a-watcher',
} as const;

const RULES = {
  tokens: [
    { name: 'all', token: tokens.all, rights: ['read', 'write', 'delete', 'observe'] },
    { name: 'reader', token: tokens.reader, rights: ['read'] },
    { name: 'inside', token: tokens.inside, rights: ['read', 'write'], prefix: 'in/' },
    { name: 'watcher', token: tokens.watcher, rights: ['read', 'write', 'observe'] },
  ],
};

export interface ServedPage extends Serving {
  readonly url: string;
  readonly root: string;
  /** Writes files below the root. */
  readonly write: (files: Readonly<Record<string, string | Uint8Array>>) => void;
  /** Takes a token out of the rules: the server has them at the next SIGHUP. */
  readonly revoke: (name: string) => void;
  /** Kills it, and removes its files. */
  readonly end: () => Promise<void>;
}

export async function servePage(args: readonly string[] = []): Promise<ServedPage> {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-page-'));
  const access = join(folder, 'access.json');
  writeFileSync(access, JSON.stringify(RULES), { mode: 0o600 });
  const root = join(folder, 'root');
  mkdirSync(root);
  const serving = await startServe(root, ['--access', access, '--web', '127.0.0.1:0', ...args]);
  const [, url] = await serving.said(/^page on (http\S+)$/m);
  const write: ServedPage['write'] = (files) => {
    for (const [name, content] of Object.entries(files)) {
      mkdirSync(dirname(join(root, name)), { recursive: true });
      writeFileSync(join(root, name), content);
    }
  };
  const end = async (): Promise<void> => {
    serving.child.kill('SIGKILL');
    await serving.done;
    rmSync(folder, { recursive: true, force: true });
  };
  const revoke = (name: string): void =>
    writeFileSync(access, JSON.stringify({ tokens: RULES.tokens.filter((rule) => rule.name !== name) }));
  return { ...serving, url: url!, root, write, revoke, end };
}

/** One browser for all tests of a file; each has pages of its own, which know nothing of one another. */
export function shareBrowser(): (options?: BrowserContextOptions) => Promise<Page> {
  let browser: Browser;
  beforeAll(async () => {
    browser = await startChromium();
  });
  afterAll(() => browser.close());
  return async (options) => {
    const context = await browser.newContext(options);
    // A page that is left open goes on drawing, beside the tests that follow.
    onTestFinished(() => context.close());
    context.setDefaultTimeout(PATIENCE_MS);
    return context.newPage();
  };
}

export async function signIn(page: Page, url: string, token: string): Promise<void> {
  await page.goto(url);
  await page.getByLabel('Token').fill(token);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('table', { name: 'Files' }).waitFor();
}
