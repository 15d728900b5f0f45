/** The examples of the README, taken out of it. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

export const readme = readFileSync(fileURLToPath(new URL('../../README.md', import.meta.url)), 'utf8');

/** The code blocks that begin with these words after the backticks, e.g. `ts example`. */
export const examples = (kind: string): readonly string[] =>
  [...readme.matchAll(/^```(.+)\n([\s\S]*?)^```$/gm)].flatMap(([, info, code]) =>
    info === kind ? [code!] : [],
  );

/** What an example says it prints, in `// prints:` comments. */
export const promised = (code: string): readonly string[] =>
  [...code.matchAll(/\/\/ prints: (.*)$/gm)].map(([, line]) => line!);
