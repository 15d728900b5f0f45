/**
 * A root with files beside it that no store may touch. A hostile peer tries to reach them, and the test can see
 * whether it did.
 */
import { createHash } from 'node:crypto';
import { lstatSync, mkdirSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { newRoot, removeRoot } from './store-roots.ts';

export interface WalledRoot {
  /** The folder that contains the root and everything beside it. */
  readonly base: string;
  readonly root: string;
  /** A folder beside the root, with files in it. */
  readonly outside: string;
  /**
   * Everything beside the root, by path: its mode, number of links, modification time and content. It stays
   * equal as long as nothing beside the root is changed. It does not show that a file was only read.
   */
  readonly beside: () => Readonly<Record<string, string>>;
  /** Every path in the root, except those of folders and of the reserved folder. */
  readonly inside: () => string[];
}

/** Makes a root and its surroundings, which are removed when the test has ended. */
export function walledRoot(): WalledRoot {
  const base = newRoot();
  onTestFinished(() => removeRoot(base));
  return wallIn(base);
}

/** Makes a root and its surroundings in an empty folder. */
export function wallIn(base: string): WalledRoot {
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
    beside: () => Object.fromEntries(snapshotOf(base, '', root)),
    inside: () => paths(root, '').filter((path) => !path.startsWith('.sluice/')),
  };
}

function snapshotOf(folder: string, at: string, except: string): [string, string][] {
  return readdirSync(folder).flatMap((name): [string, string][] => {
    const path = join(folder, name);
    if (path === except) return [];
    const stats = lstatSync(path);
    const facts = `${stats.mode.toString(8)} ${stats.nlink} ${stats.mtimeMs}`;
    const below = stats.isDirectory() ? snapshotOf(path, `${at}${name}/`, except) : [];
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
