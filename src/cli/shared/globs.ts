/**
 * Patterns of names on the server, as a shell has them: `*` and `?` within a part, `**` over any parts, `[a-c]`, `{a,b}`.
 *
 * A server has names of files, and a name may hold any of these characters: what is stored under exactly the given name is
 * meant by it. A pattern with a `/` at its end means folders. Unlike a shell's, `*` means names with a dot at their
 * beginning too. Names are compared page by page; only those that fit are kept.
 */
import { firstValueFrom } from 'rxjs';
import { isClientFault } from '../../client/client-fault.ts';
import { breaksConnection } from '../../client/pool/retry.ts';
import type { Downloads } from '../../client/transfers/downloads.ts';
import type { FileInfo, Listing } from '../../files/protocol/file.ts';

/** The requests that are made. */
export type NameLister = Pick<Downloads, 'stat' | 'page'>;

/** A name that was asked for, or one that a pattern means. */
export interface Named {
  /** With a `/` at its end it is a folder's. */
  readonly name: string;
  /** Whether the server has said the name: it is not trusted. */
  readonly listed: boolean;
  /** The file, if it was listed. */
  readonly file?: FileInfo;
}

const MAGIC = /[*?[{\\]/;

/** Whether it may be a pattern. */
export const isPattern = (name: string): boolean => MAGIC.test(name);

/** What all names begin with that fit a pattern. */
export const patternPrefix = (pattern: string): string => pattern.slice(0, pattern.search(MAGIC));

/**
 * The folder below which everything fits a pattern that goes over folders, empty for all there is; null for one that does
 * not. @example treeTop('a/b*\/**\/c') // 'a/'
 */
export function treeTop(pattern: string): string | null {
  // A backslash takes the meaning of what is behind it.
  if (!pattern.replace(/\\./g, '').includes('**')) return null;
  const prefix = patternPrefix(pattern);
  return prefix.slice(0, prefix.lastIndexOf('/') + 1);
}

/**
 * @param folders whether a pattern without a `/` at its end means folders too.
 * @returns what it means, in order; nothing when nothing fits. Rejects with a `ClientError`.
 */
export async function expandName(
  given: string,
  server: NameLister,
  folders: boolean,
): Promise<readonly Named[]> {
  if (!isPattern(given) || (await isStored(given, server))) return [{ name: given, listed: false }];
  const fittingOf = await matcher(given, folders);
  const found: Named[] = [];
  let lastFolder = '';
  await visitBelow(patternPrefix(given), server, (file) => {
    const name = fittingOf(file.name);
    if (name === file.name) found.push({ name, listed: true, file });
    // Everything below a folder is listed in a row.
    else if (name !== undefined && name !== lastFolder) {
      found.push({ name, listed: true });
      lastFolder = name;
    }
  });
  return found;
}

/**
 * Tells what of a file's name fits a pattern: the whole name, the outermost folder that fits, with a `/` at its end, or
 * nothing. What reads patterns is loaded only when there is one.
 *
 * @param folders whether a pattern without a `/` at its end means folders too.
 */
export async function matcher(
  pattern: string,
  folders: boolean,
): Promise<(name: string) => string | undefined> {
  const { default: picomatch } = await import('picomatch');
  const onlyFolders = pattern.endsWith('/');
  const options = { dot: true, nonegate: true, noextglob: true, windows: false };
  const fits = picomatch(pattern.replace(/\/$/, ''), options);
  return (name) => {
    const folder = onlyFolders || folders ? folderThatFits(name, fits) : undefined;
    return folder ?? (!onlyFolders && fits(name) ? name : undefined);
  };
}

/**
 * Visits the files whose names begin with `prefix`, in order. (An async iterable of them would wait at each.)
 *
 * @param visit returns false to end it.
 */
export async function visitBelow(
  prefix: string,
  server: Pick<NameLister, 'page'>,
  // biome-ignore lint/suspicious/noConfusingVoidType: a visit that says nothing goes on.
  visit: (file: FileInfo) => boolean | void,
): Promise<void> {
  for (let after: string | undefined = ''; after !== undefined; ) {
    const page: Listing = await firstValueFrom(server.page(after === '' ? { prefix } : { prefix, after }));
    for (const file of page.files) if (visit(file) === false) return;
    after = page.next;
  }
}

/** The outermost folder of a file that fits, with a `/` at its end. */
function folderThatFits(name: string, fits: (folder: string) => boolean): string | undefined {
  for (let at = name.indexOf('/'); at !== -1; at = name.indexOf('/', at + 1))
    if (fits(name.slice(0, at))) return name.slice(0, at + 1);
  return undefined;
}

async function isStored(name: string, server: NameLister): Promise<boolean> {
  try {
    if (name.endsWith('/'))
      return (await firstValueFrom(server.page({ prefix: name, limit: 1 }))).files.length > 0;
    await firstValueFrom(server.stat(name));
    return true;
  } catch (thrown) {
    // A server that refuses the name as such has nothing of that name.
    if (!isClientFault(thrown) || breaksConnection(thrown)) throw thrown;
    return false;
  }
}
