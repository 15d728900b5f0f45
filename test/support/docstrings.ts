/** The docstrings of what the package exports, face by face, as they stand in the sources. */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { API, type Checker, type Symbol as NamedSymbol, SymbolFlags } from 'typescript/unstable/sync';

export interface Docstring {
  /** As a reader calls it: `sluice/node connectTcp`, `sluice presets.dns`, `sluice/client ClientOptions.window`. */
  readonly place: string;
  readonly name: string;
  readonly isValue: boolean;
  /** Whether it is a field that may be left out. */
  readonly isOptional: boolean;
  /** Without the tags. */
  readonly text: string;
  /** The code of each `@example`. */
  readonly examples: readonly string[];
}

export interface DocumentedFace {
  /** As it is imported: `sluice/node`. */
  readonly name: string;
  /** The file of it, from the root. */
  readonly path: string;
  readonly names: readonly Docstring[];
  /** The fields and methods of the interfaces among the names, those of the interfaces that they extend included. */
  readonly members: readonly Docstring[];
}

const root = resolve(import.meta.dirname, '../..');
const { exports } = JSON.parse(readFileSync(`${root}/package.json`, 'utf8')) as {
  exports: Readonly<Record<string, { readonly types?: string }>>;
};

/** The faces by their names, each with its source from the root. */
export const faceSources: readonly (readonly [name: string, path: string])[] = Object.entries(exports)
  .filter(([, { types }]) => types !== undefined)
  .map(([path, { types }]) => [
    path.replace(/^\./, 'sluice'),
    types!.replace('./dist/', 'src/').replace('.d.ts', '.ts'),
  ]);

/** Reads `src/`. */
export function documentedFaces(): DocumentedFace[] {
  const api = new API({ cwd: root });
  try {
    const [project] = api.updateSnapshot({ openProject: `${root}/tsconfig.json` }).getProjects();
    const { program, checker } = project!;
    return faceSources.map(([name, path]) => {
      const file = program.getSourceFile(resolve(root, path))!;
      const symbols = checker.getExportsOfModule(checker.getSymbolAtLocation(file)!).map(
        // A name that is exported under another keeps it.
        (symbol) => [symbol.name, targetOf(checker, symbol)] as const,
      );
      const names = symbols.flatMap(([own, symbol]) => {
        if (!(symbol.flags & SymbolFlags.ValueModule)) return [docstringOf(checker, name, own, symbol)];
        const members = checker.getExportsOfModule(symbol);
        return [
          namespaceDocstring(name, own, file.text),
          ...members.map((each) =>
            docstringOf(checker, `${name} ${own}.`, each.name, targetOf(checker, each)),
          ),
        ];
      });
      const members = symbols.flatMap(([own, symbol]) =>
        symbol.flags & SymbolFlags.Interface
          ? checker
              .getPropertiesOfType(checker.getDeclaredTypeOfSymbol(symbol))
              .map((field) => docstringOf(checker, `${name} ${own}.`, field.name, field))
          : [],
      );
      return { name, path, names, members };
    });
  } finally {
    api.close();
  }
}

const targetOf = (checker: Checker, symbol: NamedSymbol): NamedSymbol =>
  symbol.flags & SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;

function docstringOf(checker: Checker, within: string, name: string, symbol: NamedSymbol): Docstring {
  const examples = checker.getJsDocTagsOfSymbol(symbol).filter((tag) => tag.name === 'example');
  return {
    place: `${within}${within.endsWith('.') ? '' : ' '}${name}`,
    name,
    isValue: (symbol.flags & SymbolFlags.Value) !== 0,
    isOptional: (symbol.flags & SymbolFlags.Optional) !== 0,
    text: checker.getDocumentationCommentOfSymbol(symbol),
    examples: examples.map(({ text = '' }) => text),
  };
}

/** A namespace has none for the compiler: it stands in front of the export. */
function namespaceDocstring(face: string, name: string, source: string): Docstring {
  const comment = new RegExp(String.raw`/\*\*((?:(?!\*/)[\s\S])*)\*/\s*export \* as ${name} `).exec(
    source,
  )?.[1];
  const [text = '', ...examples] = (comment ?? '').replace(/^ *\* ?/gm, '').split('@example');
  return { place: `${face} ${name}`, name, isValue: true, isOptional: false, text: text.trim(), examples };
}
