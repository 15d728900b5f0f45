/** What the built package exports, face by face, with the declarations as they are published. */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import {
  isExpressionWithTypeArguments,
  isIdentifier,
  isQualifiedName,
  isTypeQueryNode,
  isTypeReferenceNode,
  type Node,
} from 'typescript/unstable/ast';
import { API, type Checker, type Symbol as NamedSymbol, SymbolFlags } from 'typescript/unstable/sync';

export interface PublicName {
  readonly name: string;
  readonly isValue: boolean;
  /** Without comments. */
  readonly declaration: string;
}

export interface Face {
  /** As it is imported: `sluice/node`. */
  readonly name: string;
  readonly names: readonly PublicName[];
  /** Types that its declarations name, and that no face exports. */
  readonly hidden: readonly string[];
}

const root = resolve(import.meta.dirname, '../..');
const { exports } = JSON.parse(readFileSync(`${root}/package.json`, 'utf8')) as {
  exports: Readonly<Record<string, { readonly types?: string }>>;
};
const COMMENT = /[ \t]*\/\*\*?[\s\S]*?\*\/\n?/g;

/** Reads `dist/`. */
export function publicFaces(): Face[] {
  const api = new API({ cwd: root });
  try {
    const [project] = api.updateSnapshot({ openProject: `${root}/test/tsconfig.dist.json` }).getProjects();
    const { program, checker } = project!;
    const faces = Object.entries(exports).flatMap(([path, { types }]) => {
      if (types === undefined) return [];
      const file = program.getSourceFile(resolve(root, types))!;
      const symbols = checker.getExportsOfModule(checker.getSymbolAtLocation(file)!);
      return [
        {
          name: path.replace(/^\./, 'sluice'),
          symbols: symbols.map((each) => [each.name, targetOf(checker, each)] as const),
        },
      ];
    });
    const exported = new Set(faces.flatMap(({ symbols }) => symbols.map(([, { id }]) => id)));
    return faces.map(({ name, symbols }) => {
      const names = symbols
        .map(([own, symbol]) => ({
          name: own,
          isValue: (symbol.flags & SymbolFlags.Value) !== 0,
          declaration: declarationOf(own, symbol),
        }))
        .sort((a, b) => (a.name < b.name ? -1 : 1));
      const named = symbols.flatMap(([, symbol]) => typesIn(checker, symbol));
      const hidden = new Set(named.filter(({ id }) => !exported.has(id)).map((symbol) => symbol.name));
      return { name, names, hidden: [...hidden].sort() };
    });
  } finally {
    api.close();
  }
}

const targetOf = (checker: Checker, symbol: NamedSymbol): NamedSymbol =>
  symbol.flags & SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;

const nodesOf = ({ declarations }: NamedSymbol): Node[] =>
  declarations.flatMap((handle) => handle.resolve() ?? []);

function declarationOf(name: string, symbol: NamedSymbol): string {
  if (symbol.flags & SymbolFlags.ValueModule)
    return `namespace ${name} { ${[...symbol.getExports().values()]
      .map((each) => each.name)
      .sort()
      .join(', ')} }`;
  const texts = nodesOf(symbol).map((node) =>
    node
      .getText()
      .replace(COMMENT, '')
      .replace(/^export /, '')
      .replace(/^declare /, ''),
  );
  return texts.join('\n');
}

/** The package's own types that the declarations of a name mention. */
function typesIn(checker: Checker, symbol: NamedSymbol): NamedSymbol[] {
  const found: NamedSymbol[] = [];
  const visit = (node: Node): void => {
    const { parent } = node;
    const isName =
      isIdentifier(node) &&
      parent !== undefined &&
      [isTypeReferenceNode, isExpressionWithTypeArguments, isQualifiedName, isTypeQueryNode].some((is) =>
        is(parent),
      );
    const named = isName ? checker.getSymbolAtLocation(node) : undefined;
    if (named !== undefined) {
      const target = targetOf(checker, named);
      const isOurs = target.declarations.some(
        ({ path }) => path.startsWith(`${root.toLowerCase()}/dist/`) || path.startsWith(`${root}/dist/`),
      );
      if (isOurs && (target.flags & SymbolFlags.TypeParameter) === 0) found.push(target);
    }
    node.forEachChild(visit);
  };
  for (const node of nodesOf(symbol)) visit(node);
  return found;
}

/** A face as it is kept in `test/golden/faces/`. */
export const reportOf = ({ names, hidden }: Face): string =>
  [
    ...names.map(({ declaration }) => `${declaration}\n`),
    `not exported, but named above: ${hidden.join(', ') || 'nothing'}\n`,
  ].join('\n');
