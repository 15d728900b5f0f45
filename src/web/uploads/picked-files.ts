/**
 * The files of a drop or of a picker, with their paths. A folder is walked to its end, however many entries it has: a
 * browser hands them out a hundred at a time. They come in portions, between which the page can draw.
 */
export interface PickedFile {
  /** Below what was dropped or picked, with slashes. */
  readonly path: string;
  readonly file: File;
}

/** Files of one portion. */
const PORTION = 250;

/** What cannot be read is left out, and counted. */
export interface Portion {
  readonly files: readonly PickedFile[];
  readonly unreadable: number;
}

/** The files of `<input type="file">`; those of a folder say where they are. */
export async function* filesOfInput(list: ArrayLike<File>): AsyncGenerator<Portion> {
  for (let at = 0; at < list.length; at += PORTION) {
    const files: PickedFile[] = [];
    for (let i = at; i < Math.min(at + PORTION, list.length); i++) {
      const file = list[i]!;
      files.push({ path: file.webkitRelativePath || file.name, file });
    }
    yield { files, unreadable: 0 };
    await nextTask();
  }
}

/** The entries of a drop. To be called within its event: after it there are none. */
export function entriesOfDrop(transfer: DataTransfer): readonly FileSystemEntry[] {
  return [...transfer.items]
    .filter(({ kind }) => kind === 'file')
    .map((item) => item.webkitGetAsEntry())
    .filter((entry) => entry !== null);
}

export async function* filesOfEntries(entries: readonly FileSystemEntry[]): AsyncGenerator<Portion> {
  let files: PickedFile[] = [];
  let unreadable = 0;
  for await (const found of walk(entries)) {
    if (found === null) unreadable++;
    else files.push(found);
    if (files.length < PORTION) continue;
    yield { files, unreadable };
    [files, unreadable] = [[], 0];
    await nextTask();
  }
  yield { files, unreadable };
}

/** Null for what cannot be read. Depth first, so that it holds the entries of one path of folders. */
async function* walk(entries: readonly FileSystemEntry[]): AsyncGenerator<PickedFile | null> {
  for (const entry of entries) {
    try {
      if (entry.isFile) yield { path: entry.fullPath, file: await fileOf(entry as FileSystemFileEntry) };
    } catch {
      yield null;
    }
    if (entry.isDirectory) yield* walkFolder((entry as FileSystemDirectoryEntry).createReader());
  }
}

async function* walkFolder(reader: FileSystemDirectoryReader): AsyncGenerator<PickedFile | null> {
  for (;;) {
    let some: readonly FileSystemEntry[];
    try {
      some = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
    } catch {
      yield null;
      return;
    }
    if (some.length === 0) return;
    yield* walk(some);
  }
}

const fileOf = (entry: FileSystemFileEntry): Promise<File> =>
  new Promise((resolve, reject) => entry.file(resolve, reject));

/** Lets the page draw, and take clicks. */
const nextTask = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 0));
