/** The examples of the README and of other documents, taken out of them. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const textOf = (path: string): string =>
  readFileSync(fileURLToPath(new URL(`../../${path}`, import.meta.url)), 'utf8');

export const readme = textOf('README.md');
/** The document of the actor, whose examples are run as well. */
export const actorReadme = textOf('src/actor/README.md');

/** The code blocks that begin with these words after the backticks, e.g. `ts example`. */
export const examples = (kind: string, text: string = readme): readonly string[] =>
  [...text.matchAll(/^```(.+)\n([\s\S]*?)^```$/gm)].flatMap(([, info, code]) =>
    info === kind ? [code!] : [],
  );

/** What an example says it prints, in `// prints:` comments. */
export const promised = (code: string): readonly string[] =>
  [...code.matchAll(/\/\/ prints: (.*)$/gm)].map(([, line]) => line!);
