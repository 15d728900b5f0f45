/** A root with things beside it that nobody may touch: what a hostile peer wants to reach, and how to see that it did. */
import { createHash } from 'node:crypto';
import { lstatSync, mkdirSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { newRoot, removeRoot } from './store-roots.ts';

export interface WalledRoot {
  /** The folder that holds the root and what is beside it. */
  readonly base: string;
  readonly root: string;
  readonly outside: string;
  /**
   * Everything beside the root, each as its kind, mode, time of change and content; equal before and after when
   * nobody touched it. Of `outside` alone that it was read cannot be seen.
   */
  readonly beside: () => Readonly<Record<string, string>>;
  /** Every path in the root that is no folder, without the store's own. */
  readonly inside: () => string[];
}

/** Gone when the test is over. */
export function walledRoot(): WalledRoot {
  const base = newRoot();
  onTestFinished(() => removeRoot(base));
  const root = join(base, 'root');
  const outside = join(base, 'outside');
  mkdirSync(root);
  mkdirSync(join(outside, 'folder'), { recursive: true });
  for (const name of ['secret', 'folder/secret', 'x', 'passwd']) writeFileSync(join(outside, name), 'secret');
  for (const name of ['x', 'canary', 'secret', 'passwd']) writeFileSync(join(base, name), 'secret');
  return {
    base,
    root,
    outside,
    beside: () => Object.fromEntries(describe(base, '', root)),
    inside: () => paths(root, '').filter((path) => !path.startsWith('.sluice/')),
  };
}

function describe(folder: string, at: string, except: string): [string, string][] {
  return readdirSync(folder).flatMap((name): [string, string][] => {
    const path = join(folder, name);
    if (path === except) return [];
    const stats = lstatSync(path);
    const facts = `${stats.mode.toString(8)} ${stats.nlink} ${stats.mtimeMs}`;
    const below = stats.isDirectory() ? describe(path, `${at}${name}/`, except) : [];
    return [[`${at}${name}`, `${facts} ${contentOf(path)}`], ...below];
  });
}

function contentOf(path: string): string {
  const stats = lstatSync(path);
  if (stats.isSymbolicLink()) return readlinkSync(path);
  if (!stats.isFile()) return '';
  return createHash('sha256').update(readFileSync(path)).digest('hex');
}

function paths(folder: string, at: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) =>
    entry.isDirectory() ? paths(join(folder, entry.name), `${at}${entry.name}/`) : [`${at}${entry.name}`],
  );
}
