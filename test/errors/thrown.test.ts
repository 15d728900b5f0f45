/** Holds the code to its rule that only Errors are thrown, by the types that TypeScript gives to what is thrown. */
import { fileURLToPath } from 'node:url';
import {
  type Expression,
  isArrowFunction,
  isCallExpression,
  isExpression,
  isIdentifier,
  isPropertyAccessExpression,
  isThrowStatement,
  type Node,
} from 'typescript/unstable/ast';
import { API, SymbolFlags, TypeFlags } from 'typescript/unstable/sync';
import { expect, test } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));

const isOurs = (file: string) => file.startsWith(`${root}src/`);

/** What a node throws, rejects with or errors with; null when it does none of these. */
function thrownBy(node: Node): Expression | null {
  if (isThrowStatement(node)) return node.expression;
  if (!isCallExpression(node)) return null;
  const [first] = node.arguments;
  const { expression: called } = node;
  if (first === undefined) return null;
  const name = isPropertyAccessExpression(called) ? called.name : called;
  if (!isIdentifier(name)) return null;
  if (name.text === 'throwError')
    return isArrowFunction(first) && isExpression(first.body) ? first.body : first;
  // A line of a log, or for people, is no error of an Observable.
  const isOfSubscriber =
    name.text === 'error' &&
    isPropertyAccessExpression(called) &&
    !['log', 'output'].includes(called.expression.getText());
  return isOfSubscriber || name.text === 'reject' ? first : null;
}

test('nothing but Errors is thrown, rejected with or errored with', () => {
  const api = new API({ cwd: root });
  try {
    const [project] = api.updateSnapshot({ openProject: `${root}tsconfig.json` }).getProjects();
    const { program, checker } = project!;
    const error = checker.getDeclaredTypeOfSymbol(checker.resolveName('Error', SymbolFlags.Interface)!);
    const wrong: string[] = [];
    let found = 0;
    for (const name of program.getSourceFileNames().filter(isOurs)) {
      const file = program.getSourceFile(name)!;
      const visit = (node: Node): void => {
        const thrown = thrownBy(node);
        if (thrown !== null) {
          found++;
          const type = checker.getTypeAtLocation(thrown)!;
          // What was caught, or what another Observable has errored with, is passed on. Without undefined it is the second.
          const isPassedOn = ['unknown', '{} | null', '{}'].includes(checker.typeToString(type));
          if (!isPassedOn && ((type.flags & TypeFlags.Any) !== 0 || !checker.isTypeAssignableTo(type, error)))
            wrong.push(`${name.slice(root.length)}: ${node.getText(file)}`);
        }
        node.forEachChild(visit);
      };
      visit(file);
    }
    expect(wrong).toEqual([]);
    expect(found).toBeGreaterThan(150);
  } finally {
    api.close();
  }
});
