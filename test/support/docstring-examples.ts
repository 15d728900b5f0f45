/**
 * Compiles the examples of docstrings, all in one run of the compiler and without a file on the disk.
 *
 * An example is a module. What it uses of the package is imported from the face that exports it, and what it uses of
 * RxJS from there; all else it imports itself, or it is among the few things that every reader takes for granted.
 */
import { resolve } from 'node:path';
import * as rxjs from 'rxjs';
import { API } from 'typescript/unstable/sync';
import { type Docstring, faceSources } from './docstrings.ts';

export interface ExampleFault {
  /** As in `Docstring`. */
  readonly place: string;
  /** The line at fault. */
  readonly line: string;
  /** What the compiler says of it. */
  readonly message: string;
}

const root = resolve(import.meta.dirname, '../..');

/** What examples take for granted: the ends of a connection, and what a program of its own would have. */
const TAKEN_FOR_GRANTED = `
import type * as rxjs from 'rxjs';
import type * as main from 'sluice';
import type * as recorded from 'sluice/capture';
import type * as sending from 'sluice/client';
import type * as server from 'sluice/server';

declare global {
  const chunks$: rxjs.Observable<Uint8Array>;
  const bodies$: rxjs.Observable<Uint8Array>;
  const fromClient$: rxjs.Observable<Uint8Array>;
  const fromServer$: rxjs.Observable<Uint8Array>;
  const connection: main.Connection;
  const framing: main.Framing<main.Prefix>;
  const bytes: Uint8Array;
  const header: unknown;
  const echo: main.Actor<null, string, string, never, never, never, never>;
  const chat: main.Framed<string>;
  const client: sending.Client;
  const store: server.FileStore;
  const capture: recorded.Capture;
  class WebTransport {
    constructor(url: string);
    createBidirectionalStream(): Promise<main.WebStreams>;
  }
}
`;

const PROJECT = `${root}/docstring-examples.json`;
const RXJS = new Set(Object.keys(rxjs));

/** Names that the code declares or imports itself. */
function declaredIn(code: string): ReadonlySet<string> {
  const singles = code.matchAll(/\b(?:const|let|function|class)\s+(\w+)/g);
  const lists = code.matchAll(/\b(?:const|let|import)\s+[{[]([^}\]]*)[}\]]/g);
  return new Set([
    ...[...singles].map(([, name]) => name!),
    ...[...lists].flatMap(([, names]) => names!.match(/\w+/g) ?? []),
  ]);
}

/** The code with what it uses imported, as a reader's editor would do it. */
function moduleOf(code: string, faceOf: ReadonlyMap<string, string>): string {
  const declared = declaredIn(code);
  const used = code.match(/(?<![\w$]|(?<!\.\.)\.)[A-Za-z]\w*(?![\w$])/g) ?? [];
  const imports = [...new Set(used)].flatMap((name) => {
    const from = faceOf.get(name) ?? (RXJS.has(name) ? 'rxjs' : null);
    return from === null || declared.has(name) ? [] : [`import { ${name} } from '${from}';`];
  });
  return `${code}\n${imports.join('\n')}\nexport {};\n`;
}

/** The faults of the examples of these docstrings; none when all of them compile. */
export function faultsOfExamples(docstrings: readonly Docstring[]): ExampleFault[] {
  const faceOf = new Map(
    docstrings
      .filter(({ place }) => !place.includes('.'))
      .map(({ place, name }) => [name, place.split(' ')[0]!]),
  );
  const placeOf = new Map<string, string>();
  const files = new Map<string, string>();
  for (const { place, examples } of docstrings)
    for (const code of examples) {
      const path = `${root}/docstring-example-${placeOf.size}.ts`;
      placeOf.set(path, place);
      files.set(path, moduleOf(code, faceOf));
    }
  const granted = `${root}/docstring-example-globals.d.ts`;
  files.set(granted, TAKEN_FOR_GRANTED);
  files.set(
    PROJECT,
    JSON.stringify({
      extends: './tsconfig.json',
      compilerOptions: {
        noUnusedLocals: false,
        noUnusedParameters: false,
        verbatimModuleSyntax: false,
        isolatedModules: false,
        paths: Object.fromEntries(faceSources.map(([name, path]) => [name, [`./${path}`]])),
      },
      files: [...placeOf.keys(), granted],
      include: [],
    }),
  );
  const api = new API({
    cwd: root,
    fs: { readFile: (path) => files.get(path), fileExists: (path) => files.has(path) || undefined },
  });
  try {
    const [project] = api.updateSnapshot({ openProject: PROJECT }).getProjects();
    const { program } = project!;
    return [...placeOf].flatMap(([path, place]) =>
      [...program.getSyntacticDiagnostics(path), ...program.getSemanticDiagnostics(path)].map(
        ({ text, pos }) => ({ place, line: lineAt(files.get(path)!, pos), message: text }),
      ),
    );
  } finally {
    api.close();
  }
}

const lineAt = (text: string, at: number): string =>
  text
    .slice(text.lastIndexOf('\n', at - 1) + 1)
    .split('\n')[0]!
    .trim();
