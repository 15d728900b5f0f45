/** The documents of the project, and the examples in them. */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';

export const root = resolve(import.meta.dirname, '../..');

export const textOf = (path: string): string => readFileSync(join(root, path), 'utf8');

/** Every document, by its path below the root. */
export const documents: readonly string[] = ['', 'src', 'test'].flatMap((folder) =>
  readdirSync(join(root, folder), { recursive: folder !== '', encoding: 'utf8' })
    .filter((file) => file.endsWith('.md'))
    .map((file) => join(folder, file))
    .sort(),
);

/** A document without its blocks of code: what stands in those is no link. */
export const proseOf = (document: string): string => textOf(document).replace(/^```[\s\S]*?^```$/gm, '');

export interface Link {
  readonly label: string;
  /** The file or folder it leads to, below the root; that of the document itself for a place in it. */
  readonly path: string;
  /** The heading it leads to, if it names one. */
  readonly heading: string | null;
}

/** The links of a piece of a document that stay within the project. */
export function linksIn(document: string, text: string): readonly Link[] {
  return [...text.matchAll(/\[([^[\]]*)\]\(([^()\s]+)\)/g)].flatMap(([, label, to]) => {
    if (/^[a-z]+:/.test(to!)) return [];
    const [file = '', heading = null] = to!.split('#');
    const path = file === '' ? document : relative(root, resolve(root, dirname(document), file));
    return [{ label: label!, path, heading }];
  });
}

/** The code blocks that begin with these words after the backticks, e.g. `ts example`. */
export const examples = (kind: string, text: string): readonly string[] =>
  [...text.matchAll(/^```(.+)\n([\s\S]*?)^```$/gm)].flatMap(([, info, code]) =>
    info === kind ? [code!] : [],
  );

export interface Example {
  /** Where it stands, for the name of a test: `README.md, 1`. */
  readonly place: string;
  readonly document: string;
  readonly code: string;
}

/** The blocks of one kind in all documents. */
export const examplesOf = (kind: string): readonly Example[] =>
  documents.flatMap((document) =>
    examples(kind, textOf(document)).map((code, i) => ({ place: `${document}, ${i + 1}`, document, code })),
  );

/** What an example says it prints, in `// prints:` comments. */
export const promised = (code: string): readonly string[] =>
  [...code.matchAll(/\/\/ prints: (.*)$/gm)].map(([, line]) => line!);
